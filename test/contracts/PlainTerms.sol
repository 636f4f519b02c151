// SPDX-License-Identifier: MIT
pragma solidity ^0.8.28;

import {IJobTypes} from "../../contracts/interfaces/IJobTypes.sol";

/// @dev Terms field by field, as clients think of them.
struct PlainTerms {
    address client;
    uint64 nonce;
    uint128 rewardWei;
    uint128 auditDepositWei;
    uint128 workerStakeWei;
    uint128 evaluatorStakeWei;
    uint128 flops;
    bytes32 engineId;
    bytes32 specDigest;
    uint64 slateVersion;
    uint8 workerCount;
    uint8 workerCountMin;
    uint8 evaluatorCount;
    uint8 matchMode;
    uint8 mode;
    uint8 kind;
    uint16 workerBps;
    uint16 evaluatorBps;
    uint16 reporterBps;
    uint16 clientBps;
    uint16 timeoutBps;
    uint32 volunteerSeconds;
    uint32 runSeconds;
    uint32 drawSeconds;
    uint32 commitSeconds;
    uint32 revealSeconds;
    uint32 roundSeconds;
    uint32 segmentCount;
}

using {pack} for PlainTerms global;

/// @dev The six words that the contracts take.
function pack(PlainTerms memory t) pure returns (IJobTypes.Terms memory) {
    uint256 work = uint256(t.flops) | (uint256(t.segmentCount) << 128) | (uint256(t.workerCount) << 160);
    work |= (uint256(t.workerCountMin) << 168) | (uint256(t.evaluatorCount) << 176);
    work |= (uint256(t.matchMode) << 184) | (uint256(t.mode) << 192) | (uint256(t.kind) << 200);
    work |= (uint256(t.workerBps) << 208) | (uint256(t.evaluatorBps) << 224) | (uint256(t.timeoutBps) << 240);
    uint256 windows = uint256(t.volunteerSeconds) | (uint256(t.runSeconds) << 32);
    windows |= (uint256(t.drawSeconds) << 64) | (uint256(t.commitSeconds) << 96);
    windows |= (uint256(t.revealSeconds) << 128) | (uint256(t.roundSeconds) << 160);
    windows |= (uint256(t.reporterBps) << 192) | (uint256(t.clientBps) << 208);
    return
        IJobTypes.Terms({
            parties: uint256(uint160(t.client)) |
                (uint256(t.nonce) << 160) |
                (uint256(t.slateVersion) << 224),
            amounts: inGwei(t.rewardWei) |
                (inGwei(t.auditDepositWei) << 64) |
                (inGwei(t.workerStakeWei) << 128) |
                (inGwei(t.evaluatorStakeWei) << 192),
            work: work,
            windows: windows,
            engineId: t.engineId,
            specDigest: t.specDigest
        });
}

function inGwei(uint128 amountWei) pure returns (uint256) {
    require(amountWei % 1e9 == 0, "whole gwei");
    return amountWei / 1e9;
}
