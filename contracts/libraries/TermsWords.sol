// SPDX-License-Identifier: MIT
pragma solidity ^0.8.28;

import {IJobTypes} from "../interfaces/IJobTypes.sol";

/// @title The fields of packed terms; see IJobTypes.Terms for their places.
library TermsWords {
    function client(IJobTypes.Terms calldata t) internal pure returns (address) {
        return address(uint160(t.parties));
    }

    function nonce(IJobTypes.Terms calldata t) internal pure returns (uint64) {
        return uint64(t.parties >> 160);
    }

    function slateVersion(IJobTypes.Terms calldata t) internal pure returns (uint64) {
        return uint64(t.parties >> 224);
    }

    function rewardGwei(IJobTypes.Terms calldata t) internal pure returns (uint64) {
        return uint64(t.amounts);
    }

    function auditDepositGwei(IJobTypes.Terms calldata t) internal pure returns (uint64) {
        return uint64(t.amounts >> 64);
    }

    function workerStakeGwei(IJobTypes.Terms calldata t) internal pure returns (uint64) {
        return uint64(t.amounts >> 128);
    }

    function evaluatorStakeGwei(IJobTypes.Terms calldata t) internal pure returns (uint64) {
        return uint64(t.amounts >> 192);
    }

    function flops(IJobTypes.Terms calldata t) internal pure returns (uint128) {
        return uint128(t.work);
    }

    function segmentCount(IJobTypes.Terms calldata t) internal pure returns (uint256) {
        return (t.work >> 128) & 0xffffffff;
    }

    function workerCount(IJobTypes.Terms calldata t) internal pure returns (uint256) {
        return (t.work >> 160) & 0xff;
    }

    function workerCountMin(IJobTypes.Terms calldata t) internal pure returns (uint256) {
        return (t.work >> 168) & 0xff;
    }

    function evaluatorCount(IJobTypes.Terms calldata t) internal pure returns (uint256) {
        return (t.work >> 176) & 0xff;
    }

    function matchMode(IJobTypes.Terms calldata t) internal pure returns (uint256) {
        return (t.work >> 184) & 0xff;
    }

    function mode(IJobTypes.Terms calldata t) internal pure returns (uint256) {
        return (t.work >> 192) & 0xff;
    }

    function kind(IJobTypes.Terms calldata t) internal pure returns (uint256) {
        return (t.work >> 200) & 0xff;
    }

    function workerBps(IJobTypes.Terms calldata t) internal pure returns (uint256) {
        return (t.work >> 208) & 0xffff;
    }

    function evaluatorBps(IJobTypes.Terms calldata t) internal pure returns (uint256) {
        return (t.work >> 224) & 0xffff;
    }

    function timeoutBps(IJobTypes.Terms calldata t) internal pure returns (uint256) {
        return t.work >> 240;
    }

    function volunteerSeconds(IJobTypes.Terms calldata t) internal pure returns (uint256) {
        return t.windows & 0xffffffff;
    }

    function runSeconds(IJobTypes.Terms calldata t) internal pure returns (uint256) {
        return (t.windows >> 32) & 0xffffffff;
    }

    function drawSeconds(IJobTypes.Terms calldata t) internal pure returns (uint256) {
        return (t.windows >> 64) & 0xffffffff;
    }

    function commitSeconds(IJobTypes.Terms calldata t) internal pure returns (uint256) {
        return (t.windows >> 96) & 0xffffffff;
    }

    function revealSeconds(IJobTypes.Terms calldata t) internal pure returns (uint256) {
        return (t.windows >> 128) & 0xffffffff;
    }

    function roundSeconds(IJobTypes.Terms calldata t) internal pure returns (uint256) {
        return (t.windows >> 160) & 0xffffffff;
    }

    function reporterBps(IJobTypes.Terms calldata t) internal pure returns (uint256) {
        return (t.windows >> 192) & 0xffff;
    }

    function clientBps(IJobTypes.Terms calldata t) internal pure returns (uint256) {
        return (t.windows >> 208) & 0xffff;
    }
}
