// SPDX-License-Identifier: MIT
pragma solidity ^0.8.28;

import {IJobTypes} from "../../contracts/interfaces/IJobTypes.sol";
import {IParameters} from "../../contracts/interfaces/IParameters.sol";
import {IStaking} from "../../contracts/interfaces/IStaking.sol";
import {IWorkerRegistry} from "../../contracts/interfaces/IWorkerRegistry.sol";
import {AccountSlot} from "../../contracts/libraries/AccountSlot.sol";
import {TermsRules} from "../../contracts/libraries/TermsRules.sol";
import {PlainTerms} from "./PlainTerms.sol";
import {World} from "./World.sol";

/// @notice What is allowed up to its bound, and not beyond it.
contract BoundsTest is World {
    function setUp() public {
        setUpMarket(2, 3);
    }

    function test_parametersReachTheirBounds() public {
        IParameters.Parameters memory p = jobs.parameters();
        (p.burnBpsMin, p.evaluatorBpsMin, p.reporterBpsMax, p.slashBurnBpsMin) = (1000, 1000, 4999, 5000);
        (p.windowSecondsMin, p.windowSecondsMax, p.stakeMinGwei) = (1 hours, 1 hours, 1e15);
        p.pausedUntil = uint40(block.timestamp + 14 days);
        set(p);
        (p.slashBurnBpsMin, p.windowSecondsMin, p.windowSecondsMax) = (1, 1, 30 days);
        set(p);
    }

    function test_sharesReachTheirBounds() public {
        IParameters.Parameters memory p = jobs.parameters();
        (p.evaluatorBpsMin, p.burnBpsMin, p.reporterBpsMax, p.slashBurnBpsMin) = (300, 700, 2500, 1500);
        set(p);
        PlainTerms memory t = newTerms(2);
        (t.evaluatorBps, t.workerBps) = (300, 9000);
        (t.reporterBps, t.clientBps) = (2500, 6000);
        allowed(t);
        t.evaluatorBps = 299;
        refused(t, 18);
        (t.evaluatorBps, t.workerBps) = (300, 9001);
        refused(t, 17);
        (t.workerBps, t.evaluatorBps) = (8999, 302);
        refused(t, 17);
        (t.workerBps, t.evaluatorBps, t.reporterBps) = (0, 300, 2501);
        refused(t, 19);
        (t.reporterBps, t.clientBps) = (2499, 6002);
        refused(t, 20);
        (t.reporterBps, t.clientBps, t.timeoutBps) = (0, 0, 0);
        allowed(t);
    }

    function test_countsAndAmountsReachTheirBounds() public {
        PlainTerms memory t = newTerms(1);
        (t.rewardWei, t.auditDepositWei) = (1e27, 1e27);
        (t.workerStakeWei, t.evaluatorStakeWei) = (1e27, 1e27);
        (t.workerCount, t.workerCountMin, t.evaluatorCount) = (8, 8, 8);
        (t.mode, t.kind, t.flops, t.segmentCount) = (1, 31, type(uint128).max, 65_535);
        allowed(t);
        t = newTerms(0);
        (t.rewardWei, t.auditDepositWei) = (1e9, 0);
        (t.workerStakeWei, t.evaluatorStakeWei) = (1 ether, 1 ether);
        (t.workerCount, t.workerCountMin, t.evaluatorCount) = (1, 1, 1);
        (t.flops, t.segmentCount) = (1, 1);
        allowed(t);
    }

    function test_aPauseEndsInItsSecond() public {
        IParameters.Parameters memory p = jobs.parameters();
        p.pausedUntil = uint40(block.timestamp + 100);
        set(p);
        PlainTerms memory t = newTerms(0);
        pass(99);
        bytes memory paused = abi.encodeWithSelector(IJobTypes.Paused.selector, uint256(p.pausedUntil));
        expectFail(client, abi.encodeCall(jobs.postJob, (t.pack())), paused);
        pass(1);
        post(t);
    }

    function test_anEmptiedSeatCountsNoMore() public {
        PlainTerms memory t = newTerms(0);
        t.evaluatorCount = 3;
        vm.prank(evaluators[1]);
        staking.unstake(STAKE);
        bytes memory few = abi.encodeWithSelector(IJobTypes.TooFewEvaluators.selector, 2);
        expectFail(client, abi.encodeCall(jobs.postJob, (t.pack())), few);
        t.evaluatorCount = 2;
        post(t);
    }

    function test_stakeReachesItsLockExactly() public {
        PlainTerms memory t = newTerms(2);
        (t.workerCount, t.workerCountMin) = (2, 2);
        t.workerStakeWei = uint128(STAKE);
        IJobTypes.KeyConsent[] memory consents = keyConsentsOf(t, 2);
        t.workerStakeWei += 1e9;
        IJobTypes.KeyConsent[] memory more = keyConsentsOf(t, 2);
        bytes memory low = abi.encodeWithSelector(IStaking.StakeTooLow.selector, workers[0]);
        expectFail(client, abi.encodeCall(jobs.openJob, (t.pack(), more)), low);
        t.workerStakeWei -= 1e9;
        vm.prank(client);
        jobs.openJob(t.pack(), consents);
        eq(lockedOf(workers[1]), STAKE, "all of it");
    }

    function test_oldKeysOfAnOwnerHaveNoVoice() public {
        PlainTerms memory t = newTerms(0);
        post(t);
        address old = operatorOf(workers[0]);
        operatorKey[workers[0]] = 0xABCD;
        register(workers[0], 1);
        bytes memory gone = abi.encodeWithSelector(IWorkerRegistry.NotRegistered.selector, old);
        expectFail(old, abi.encodeCall(jobs.volunteer, (t.pack())), gone);
        vm.prank(operatorOf(workers[0]));
        jobs.volunteer(t.pack());
        eq(jobs.volunteersOf(jobs.jobIdOf(t.pack()))[0], workers[0], "the new one has");
    }

    function test_whatCannotBeStops() public {
        uint256[] memory none = new uint256[](0);
        panics(abi.encodeCall(staking.settle, (none, 0, 0, true))); // no job is open
        uint64 version = pool.slateVersion();
        vm.prank(address(jobs));
        staking.escrow(client, 1, version, 1);
        panics(abi.encodeCall(staking.escrow, (client, type(uint64).max, version, 1)));
        uint256 rich = uint256(type(uint64).max - 1) << 128;
        eq(this.credited(rich, 1) >> 128, type(uint64).max, "up to the last");
        bytes memory call = abi.encodeCall(this.credited, (rich, 2));
        expectFailAt(address(this), stranger, call, panic());
    }

    function credited(uint256 slot, uint256 amount) external pure returns (uint256) {
        return AccountSlot.credited(slot, amount);
    }

    function checkTerms(IJobTypes.Terms calldata terms, uint256 word) external pure {
        TermsRules.checkTerms(terms, word);
    }

    function panics(bytes memory call) private {
        expectFailAt(address(staking), address(jobs), call, panic());
    }

    function panic() private pure returns (bytes memory) {
        return abi.encodeWithSignature("Panic(uint256)", 1);
    }

    function set(IParameters.Parameters memory p) private {
        vm.prank(address(timelock));
        jobs.setParameters(p);
        eq(keccak256(abi.encode(jobs.parameters())), keccak256(abi.encode(p)), "as set");
    }

    /// @dev The parameters as the contract keeps them.
    function bounds() private view returns (uint256 word) {
        IParameters.Parameters memory p = jobs.parameters();
        word = uint256(p.burnBpsMin) | (uint256(p.evaluatorBpsMin) << 16);
        word |= (uint256(p.reporterBpsMax) << 32) | (uint256(p.slashBurnBpsMin) << 48);
        word |= (uint256(p.windowSecondsMin) << 64) | (uint256(p.windowSecondsMax) << 96);
        word |= uint256(p.stakeMinGwei) << 128;
    }

    function allowed(PlainTerms memory t) private view {
        this.checkTerms(t.pack(), bounds());
    }

    function refused(PlainTerms memory t, uint8 field) private {
        expectFail(client, abi.encodeCall(jobs.postJob, (t.pack())), badTerms(field));
    }
}
