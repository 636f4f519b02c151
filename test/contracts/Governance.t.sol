// SPDX-License-Identifier: MIT
pragma solidity ^0.8.28;

import {IJobTypes} from "../../contracts/interfaces/IJobTypes.sol";
import {IParameters} from "../../contracts/interfaces/IParameters.sol";
import {Timelock} from "../../contracts/Timelock.sol";
import {PlainTerms} from "./PlainTerms.sol";
import {World} from "./World.sol";

contract GovernanceTest is World {
    function setUp() public {
        setUpMarket(2, 2);
        fundVotes(workers[0], 9000 ether);
        pass(1);
    }

    function test_stakersChangeParametersAfterTheTimelock() public {
        IParameters.Parameters memory p = jobs.parameters();
        p.burnBpsMin = 700;
        (address[] memory t, uint256[] memory v, bytes[] memory c) = proposalOf(p);
        vm.prank(workers[0]);
        uint256 id = governance.propose(t, v, c, "burn more");
        pass(1 days + 1);
        vm.prank(workers[0]);
        governance.castVote(id, 1);
        pass(7 days + 1);
        governance.queue(t, v, c, keccak256("burn more"));
        vm.expectRevert();
        governance.execute(t, v, c, keccak256("burn more"));
        pass(7 days + 1);
        governance.execute(t, v, c, keccak256("burn more"));
        eq(jobs.parameters().burnBpsMin, 700, "changed");
        PlainTerms memory terms = newTerms(0);
        expectFail(client, abi.encodeCall(jobs.postJob, (terms.pack())), badTerms(17));
        terms.workerBps = 8800;
        post(terms);
    }

    function test_thawingStakeHasNoVotes() public {
        IParameters.Parameters memory p = jobs.parameters();
        (address[] memory t, uint256[] memory v, bytes[] memory c) = proposalOf(p);
        vm.prank(workers[0]);
        uint256 id = governance.propose(t, v, c, "");
        vm.prank(workers[0]);
        staking.unstake(10_000 ether);
        pass(1 days + 1);
        vm.prank(workers[0]);
        governance.castVote(id, 1);
        (, uint256 votes, ) = governance.proposalVotes(id);
        eq(votes, 0, "none at the snapshot");
    }

    function test_stakeAndDelegatedTokensCountTogether() public {
        give(workers[0], 5 ether);
        vm.prank(workers[0]);
        token.delegate(workers[0]);
        pass(1);
        eq(governance.getVotes(workers[0], block.timestamp - 1), 10_005 ether, "both");
    }

    function test_onlyTheTimelockSets() public {
        IParameters.Parameters memory p = jobs.parameters();
        bytes memory call = abi.encodeCall(jobs.setParameters, (p));
        expectFail(stranger, call, abi.encodeWithSelector(IParameters.NotGovernance.selector, stranger));
    }

    function test_theCodeBoundsGovernance() public {
        IParameters.Parameters memory p = jobs.parameters();
        p.burnBpsMin = 1001;
        refused(p, 0);
        p = jobs.parameters();
        p.evaluatorBpsMin = 1001;
        refused(p, 1);
        p = jobs.parameters();
        p.reporterBpsMax = 5000;
        refused(p, 2);
        p = jobs.parameters();
        p.slashBurnBpsMin = 0;
        refused(p, 3);
        p.slashBurnBpsMin = 5001;
        refused(p, 3);
        p = jobs.parameters();
        p.windowSecondsMin = 0;
        refused(p, 4);
        p.windowSecondsMin = 1 hours + 1;
        refused(p, 4);
        p = jobs.parameters();
        p.windowSecondsMax = 1 hours - 1;
        refused(p, 5);
        p.windowSecondsMax = 30 days + 1;
        refused(p, 5);
        p = jobs.parameters();
        p.stakeMinGwei = 1e15 + 1;
        refused(p, 6);
        p = jobs.parameters();
        p.pausedUntil = uint40(block.timestamp + 14 days + 1);
        refused(p, 7);
    }

    function test_aPauseStopsOnlyNewJobsAndEnds() public {
        PlainTerms memory running = openAndSubmit();
        IParameters.Parameters memory p = jobs.parameters();
        p.pausedUntil = uint40(block.timestamp + 100);
        vm.prank(address(timelock));
        jobs.setParameters(p);
        PlainTerms memory terms = newTerms(0);
        bytes memory reason = abi.encodeWithSelector(IJobTypes.Paused.selector, uint256(p.pausedUntil));
        expectFail(client, abi.encodeCall(jobs.postJob, (terms.pack())), reason);
        pass(61);
        jobs.expire(running.pack());
        expectStatus(running, IJobTypes.Status.Expired);
        vm.prank(client);
        staking.withdraw();
        fund(client, CREDIT);
        pass(100);
        post(terms);
    }

    function test_changesDoNotTouchRunningJobs() public {
        PlainTerms memory terms = openWith2();
        IParameters.Parameters memory p = jobs.parameters();
        p.burnBpsMin = 1000;
        p.stakeMinGwei = 1e15;
        p.windowSecondsMin = 1 hours;
        vm.prank(address(timelock));
        jobs.setParameters(p);
        jobs.drawEvaluators(terms.pack());
        expectStatus(terms, IJobTypes.Status.Attesting);
    }

    function test_theTimelockIsNeverShorterThanAWeek() public {
        vm.expectRevert(abi.encodeWithSelector(Timelock.DelayTooShort.selector, 7 days - 1));
        new Timelock(7 days - 1, address(governance));
        vm.prank(address(timelock));
        timelock.updateDelay(1);
        eq(timelock.getMinDelay(), 7 days, "floor");
        vm.prank(address(timelock));
        timelock.updateDelay(8 days);
        eq(timelock.getMinDelay(), 8 days, "longer is allowed");
    }

    function openWith2() private returns (PlainTerms memory terms) {
        terms = newTerms(2);
        terms.workerCount = 2;
        terms.evaluatorCount = 1;
        open(terms);
        submitAll(terms);
        pass(2);
    }

    function openAndSubmit() internal override returns (PlainTerms memory) {
        return openWith2();
    }

    function refused(IParameters.Parameters memory p, uint8 field) private {
        bytes memory reason = abi.encodeWithSelector(IParameters.BadParameter.selector, field);
        expectFail(address(timelock), abi.encodeCall(jobs.setParameters, (p)), reason);
    }

    function proposalOf(
        IParameters.Parameters memory p
    ) private view returns (address[] memory targets, uint256[] memory values, bytes[] memory calls) {
        targets = new address[](1);
        values = new uint256[](1);
        calls = new bytes[](1);
        targets[0] = address(jobs);
        calls[0] = abi.encodeCall(jobs.setParameters, (p));
    }

    function fundVotes(address account, uint256 amountWei) private {
        give(account, amountWei);
        vm.prank(account);
        staking.stake(amountWei);
    }
}
