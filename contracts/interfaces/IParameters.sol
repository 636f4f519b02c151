// SPDX-License-Identifier: MIT
pragma solidity ^0.8.28;

/// @title Bounds that governance sets for future jobs, within bounds that the code sets for governance.
interface IParameters {
    /// @param burnBpsMin least burned share of a reward, in 1/10,000; at most 1,000
    /// @param evaluatorBpsMin least share of the evaluators; at most 1,000
    /// @param reporterBpsMax most of a slashed amount that reporters get; below 5,000
    /// @param slashBurnBpsMin least burned share of a slashed amount; 1 to 5,000
    /// @param windowSecondsMin shortest stage of a job; 1 second to 1 hour
    /// @param windowSecondsMax longest stage of a job; 1 hour to 30 days
    /// @param stakeMinGwei least lock of workers and evaluators; at most 1e15 (a million TRAIN)
    /// @param pausedUntil unix seconds until which no job is posted; at most 14 days ahead
    struct Parameters {
        uint16 burnBpsMin;
        uint16 evaluatorBpsMin;
        uint16 reporterBpsMax;
        uint16 slashBurnBpsMin;
        uint32 windowSecondsMin;
        uint32 windowSecondsMax;
        uint64 stakeMinGwei;
        uint40 pausedUntil;
    }

    event ParametersChanged(Parameters parameters);

    error NotGovernance(address sender);
    /// @notice A parameter is out of the bounds of the code; `field` is its index in the struct.
    error BadParameter(uint8 field);

    /// @notice Sets the parameters for future jobs. Only the timelock of governance.
    function setParameters(Parameters calldata parameters) external;

    /// @notice The present parameters.
    function parameters() external view returns (Parameters memory);
}
