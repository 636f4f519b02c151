// SPDX-License-Identifier: MIT
pragma solidity ^0.8.28;

import {IJobTypes} from "../../contracts/interfaces/IJobTypes.sol";
import {IStaking} from "../../contracts/interfaces/IStaking.sol";
import {TestBase} from "./TestBase.sol";
import {PlainTerms} from "./PlainTerms.sol";
import {World} from "./World.sol";

/// @dev Everybody acts at random: honest and lying evaluators, silent workers, stakers that come and go.
contract Handler is World {
    uint256 private constant JOBS_MAX = 4;

    /// @dev The newest jobs; ended ones make place.
    PlainTerms[] private _jobs;
    /// @dev Verdict that an evaluator committed, by job, attempt and owner: 0 none, else its kind + 1.
    mapping(uint256 nonce => mapping(uint256 attempt => mapping(address owner => uint256))) private _kinds;
    uint256 public funded;
    uint256[9] public reached;

    constructor() {
        setUpMarket(4, 5);
        funded = CREDIT + 9 * STAKE;
    }

    function post_(uint256 seed) external {
        uint256 place = _freePlace();
        if (place == JOBS_MAX) return;
        PlainTerms memory terms = newTerms(uint8(seed % 3));
        terms.rewardWei = uint128(1 + ((seed >> 8) % 1e11)) * 1e9;
        terms.auditDepositWei = uint128((seed >> 48) % 1e10) * 1e9;
        terms.workerStakeWei = uint128(1e9 + ((seed >> 88) % 3e11)) * 1e9;
        terms.evaluatorStakeWei = uint128(1e9 + ((seed >> 128) % 3e11)) * 1e9;
        terms.workerCount = uint8(1 + ((seed >> 168) % 3));
        terms.workerCountMin = uint8(1 + ((seed >> 176) % terms.workerCount));
        terms.evaluatorCount = uint8(1 + ((seed >> 184) % 3));
        if (!_try(client, abi.encodeCall(jobs.postJob, (terms.pack())))) return;
        if (place == _jobs.length) _jobs.push();
        _jobs[place] = terms;
    }

    function volunteer_(uint256 job, uint256 worker) external {
        _try(_operator(workers[worker % 4]), abi.encodeCall(jobs.volunteer, (_pick(job).pack())));
    }

    function assign(uint256 job, uint256 count) external {
        PlainTerms memory terms = _pick(job);
        uint256 signers = terms.matchMode == 0 ? 0 : 1 + (count % terms.workerCount);
        IJobTypes.Consent[] memory consents = consentsOf(terms, signers);
        _try(client, abi.encodeCall(jobs.assignWorkers, (terms.pack(), consents)));
    }

    function submit_(uint256 job, uint256 worker) external {
        address owner = workers[worker % 4];
        _try(_operator(owner), abi.encodeCall(jobs.submitResult, (_pick(job).pack(), resultOf(owner))));
    }

    function draw_(uint256 job) external {
        _try(stranger, abi.encodeCall(jobs.drawEvaluators, (_pick(job).pack())));
    }

    function commit_(uint256 job, uint256 evaluator, uint256 kind) external {
        PlainTerms memory terms = _pick(job);
        address owner = evaluators[evaluator % 5];
        uint32 attempt = stateOf(terms).attempt;
        IJobTypes.Verdict memory verdict = _verdict(terms, kind % 8);
        bytes32 hash = keccak256(abi.encode(verdict));
        bytes32 jobId = jobs.jobIdOf(terms.pack());
        bytes32 commitment = keccak256(abi.encode(jobId, attempt, owner, hash, saltOf(owner)));
        if (_try(_operator(owner), abi.encodeCall(jobs.commitVerdict, (terms.pack(), commitment)))) {
            _kinds[terms.nonce][attempt][owner] = 1 + (kind % 8);
        }
    }

    function reveal_(uint256 job, uint256 evaluator) external {
        PlainTerms memory terms = _pick(job);
        address owner = evaluators[evaluator % 5];
        uint256 kind = _kinds[terms.nonce][stateOf(terms).attempt][owner];
        if (kind == 0) return;
        IJobTypes.Verdict memory verdict = _verdict(terms, kind - 1);
        _try(
            _operator(owner),
            abi.encodeCall(jobs.revealVerdict, (terms.pack(), verdict, saltOf(owner), bytes32(kind)))
        );
    }

    function conclude(uint256 job, uint256 kind) external {
        PlainTerms memory terms = _pick(job);
        if (stateOf(terms).status != IJobTypes.Status.Attesting) return;
        IJobTypes.Verdict memory verdict = _verdict(terms, kind % 8);
        _try(stranger, abi.encodeCall(jobs.completeJob, (terms.pack(), verdict)));
        _try(stranger, abi.encodeCall(jobs.slash, (terms.pack(), verdict)));
    }

    function pay(uint256 job) external {
        PlainTerms memory terms = _pick(job);
        if (stateOf(terms).status != IJobTypes.Status.Completed) return;
        for (uint256 kind; kind < 4; ++kind) {
            _try(stranger, abi.encodeCall(jobs.distributePayment, (terms.pack(), _verdict(terms, kind))));
        }
    }

    function expire(uint256 job) external {
        _try(stranger, abi.encodeCall(jobs.expire, (_pick(job).pack())));
    }

    function cancel(uint256 job) external {
        _try(client, abi.encodeCall(jobs.cancel, (_pick(job).pack())));
    }

    function wait_(uint256 seconds_) external {
        pass(1 + (seconds_ % 40));
    }

    function waitLong(uint256 seconds_) external {
        pass(1 + (seconds_ % 700));
    }

    function moveStake(uint256 actor, uint256 amount, uint256 how) external {
        address owner = actor % 9 < 4 ? workers[actor % 9] : evaluators[(actor % 9) - 4];
        uint256 wei_ = (1 + (amount % 3e11)) * 1e9;
        if (how % 4 == 0) _stakingTry(owner, abi.encodeCall(staking.unstake, (wei_)));
        if (how % 4 == 1) _stakingTry(owner, abi.encodeCall(staking.stakeEarnings, (wei_)));
        if (how % 4 == 2) _stakingTry(owner, abi.encodeCall(staking.withdrawThawed, ()));
        if (how % 4 == 3) _stakingTry(owner, abi.encodeCall(staking.withdraw, ()));
    }

    function flush() external {
        staking.flushBurned();
    }

    /// @dev Ends every job by what anyone may do after the deadlines.
    function drain() external {
        for (uint256 turn; turn < 40 && jobs.openJobs() != 0; ++turn) {
            pass(3000);
            for (uint256 i; i < _jobs.length; ++i) {
                this.pay(i);
                this.expire(i);
                for (uint256 kind; kind < 8; ++kind) this.conclude(i, kind);
            }
        }
    }

    /// @dev Everything that accounts own, what jobs hold, and what waits to be burned.
    function money() external view returns (uint256 sum) {
        (uint256 escrowWei, uint256 burnedWei) = staking.held();
        sum = escrowWei + burnedWei + _of(client);
        for (uint256 i; i < 4; ++i) sum += _of(workers[i]);
        for (uint256 i; i < 5; ++i) sum += _of(evaluators[i]);
    }

    function balance() external view returns (uint256) {
        return token.balanceOf(address(staking));
    }

    function isLockWithinStake() external view returns (bool) {
        for (uint256 i; i < 4; ++i) if (lockedOf(workers[i]) > activeOf(workers[i])) return false;
        for (uint256 i; i < 5; ++i) if (lockedOf(evaluators[i]) > activeOf(evaluators[i])) return false;
        return true;
    }

    function hasLocks() external view returns (bool) {
        for (uint256 i; i < 4; ++i) if (lockedOf(workers[i]) != 0) return true;
        for (uint256 i; i < 5; ++i) if (lockedOf(evaluators[i]) != 0) return true;
        return false;
    }

    function openCount() external view returns (uint256 count) {
        for (uint256 i; i < _jobs.length; ++i) {
            uint256 status = uint256(stateOf(_jobs[i]).status);
            if (status != 0 && status < uint256(IJobTypes.Status.Settled)) ++count;
        }
    }

    function openAndEscrow() external view returns (uint256 open_, uint256 escrowWei) {
        (escrowWei, ) = staking.held();
        return (jobs.openJobs(), escrowWei);
    }

    function isPoolRight() external view returns (bool) {
        for (uint256 i; i < 5; ++i) {
            uint256 whole = activeOf(evaluators[i]) / 1 ether;
            if (pool.weightOf(evaluators[i]) != whole) return false;
        }
        return true;
    }

    /// @dev Kinds 0 to 3: clean, two of them lies. 4 to 6: names a worker. 7: names all that submitted.
    function _verdict(
        PlainTerms memory terms,
        uint256 kind
    ) private view returns (IJobTypes.Verdict memory verdict) {
        verdict = cleanVerdict(terms);
        uint8 submitted = stateOf(terms).submittedMask;
        if (kind == 2) verdict.metricMicros = 1;
        if (kind == 3) verdict.segments = submitted & 1 == 1 ? 1 : segmentsOf(submitted);
        if (kind < 4) return verdict;
        uint8 named = kind == 7 ? submitted : uint8(1 << (kind - 4)) & submitted;
        if (kind == 6) verdict.withheldMask = named;
        else verdict.guiltyMask = named;
        verdict.segments = segmentsOf(submitted & ~named);
    }

    function _pick(uint256 job) private view returns (PlainTerms memory terms) {
        if (_jobs.length != 0) terms = _jobs[job % _jobs.length];
    }

    function _operator(address owner) private view returns (address) {
        return operatorOf(owner);
    }

    function _of(address account) private view returns (uint256) {
        IStaking.Thaw memory thaw = staking.thawOf(account);
        return activeOf(account) + earningsOf(account) + uint256(thaw.amountGwei) * 1e9;
    }

    function _try(address sender, bytes memory call) private returns (bool success) {
        vm.prank(sender);
        (success, ) = address(jobs).call(call);
    }

    function _freePlace() private returns (uint256 place) {
        for (; place < _jobs.length; ++place) {
            uint256 status = uint256(stateOf(_jobs[place]).status);
            ++reached[status];
            if (status >= uint256(IJobTypes.Status.Settled)) break;
        }
    }

    function _stakingTry(address sender, bytes memory call) private {
        vm.prank(sender);
        (bool success, ) = address(staking).call(call);
        success; // a refusal is an outcome as well
    }
}

abstract contract Market is TestBase {
    Handler internal handler;

    function checkMoney() internal view {
        eq(handler.money(), handler.balance(), "money in is money out and held");
        ok(handler.isLockWithinStake(), "no lock above its stake");
        (uint256 open, uint256 escrowWei) = handler.openAndEscrow();
        eq(open, handler.openCount(), "open jobs");
        ok(open != 0 || escrowWei == 0, "no escrow without a job");
        ok(handler.isPoolRight(), "weights follow stakes");
    }
}

contract MarketInvariant is Market {
    function setUp() public {
        handler = new Handler();
        targetContract(address(handler));
        bytes4[] memory selectors = new bytes4[](15);
        selectors[0] = handler.post_.selector;
        selectors[1] = handler.volunteer_.selector;
        selectors[2] = handler.assign.selector;
        selectors[3] = handler.submit_.selector;
        selectors[4] = handler.draw_.selector;
        selectors[5] = handler.commit_.selector;
        selectors[6] = handler.reveal_.selector;
        selectors[7] = handler.conclude.selector;
        selectors[8] = handler.pay.selector;
        selectors[9] = handler.expire.selector;
        selectors[10] = handler.cancel.selector;
        selectors[11] = handler.wait_.selector;
        selectors[12] = handler.waitLong.selector;
        selectors[13] = handler.moveStake.selector;
        selectors[14] = handler.flush.selector;
        targetSelector(FuzzSelector(address(handler), selectors));
    }

    function invariant_moneyLocksJobsAndWeights() public view {
        checkMoney();
    }
}

contract ExitsTest is Market {
    function setUp() public {
        handler = new Handler();
    }

    /// @dev Random jobs, then only what anyone may do: all money must come out, all locks must open.
    function testFuzz_everyStateHasAnExit(uint256 seed) public {
        for (uint256 i; i < 50; ++i) act(uint256(keccak256(abi.encode(seed, i))));
        checkMoney();
        handler.drain();
        checkMoney();
        (uint256 open, uint256 escrowWei) = handler.openAndEscrow();
        eq(open, 0, "every job ended");
        eq(escrowWei, 0, "all money is out");
        ok(!handler.hasLocks(), "all locks are open");
    }

    /// @dev The random walk reaches what it is to test.
    function test_theWalkReachesEveryState() public {
        for (uint256 i; i < 1500; ++i) {
            act(uint256(keccak256(abi.encode("walk", i))));
            if (i % 300 == 299) handler.drain();
            if (i % 5 == 4) handler.post_(i);
        }
        for (uint256 status = 1; status < 9; ++status)
            ok(handler.reached(status) != 0, "a state was never reached");
    }

    /// @dev Likelier steps that lead forward, some that do not.
    function act(uint256 dice) private {
        uint256 what = dice % 24;
        (uint256 a, uint256 b, uint256 c) = (dice >> 8, dice >> 40, dice >> 72);
        if (what < 2) handler.post_(dice >> 8);
        else if (what < 5) handler.volunteer_(a, b);
        else if (what < 7) handler.assign(a, b);
        else if (what < 11) handler.submit_(a, b);
        else if (what < 13) handler.draw_(a);
        else if (what < 16) handler.commit_(a, b, c % 10 < 7 ? c % 2 : c);
        else if (what < 19) handler.reveal_(a, b);
        else if (what == 19) handler.pay(a);
        else if (what == 20) handler.wait_(a);
        else if (what == 21) handler.expire(a);
        else if (what == 22) handler.moveStake(a, b, c);
        else if ((dice >> 200) & 7 == 0) handler.cancel(a);
        else if ((dice >> 200) & 7 == 1) handler.waitLong(a);
        else handler.conclude(a, b);
    }
}
