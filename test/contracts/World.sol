// SPDX-License-Identifier: MIT
pragma solidity ^0.8.28;

import {PlainTerms} from "./PlainTerms.sol";
import {DisputeGame} from "../../contracts/DisputeGame.sol";
import {EvaluatorPool} from "../../contracts/EvaluatorPool.sol";
import {Governance} from "../../contracts/Governance.sol";
import {JobCourt} from "../../contracts/JobCourt.sol";
import {JobManager} from "../../contracts/JobManager.sol";
import {Staking} from "../../contracts/Staking.sol";
import {Timelock} from "../../contracts/Timelock.sol";
import {TrainToken} from "../../contracts/TrainToken.sol";
import {WorkerRegistry} from "../../contracts/WorkerRegistry.sol";
import {IMembers} from "../../contracts/interfaces/IMembers.sol";
import {IJobTypes} from "../../contracts/interfaces/IJobTypes.sol";
import {IStaking} from "../../contracts/interfaces/IStaking.sol";
import {IWorkerRegistry} from "../../contracts/interfaces/IWorkerRegistry.sol";
import {MockVerifier} from "./MockVerifier.sol";
import {MockRandomness} from "../../contracts/mocks/MockRandomness.sol";
import {TestBase, Vm} from "./TestBase.sol";

/// @dev All contracts, some actors, and a job's way step by step.
abstract contract World is TestBase {
    uint256 internal constant OWNER_KEYS = 0x1000;
    uint256 internal constant OPERATOR_KEYS = 0x2000;
    uint64 internal constant STAKE_MIN_GWEI = 1e9;
    uint256 internal constant STAKE = 1000 ether;
    uint256 internal constant CREDIT = 10_000 ether;
    uint256 internal constant BOND = 10 ether;
    uint24 internal constant CLOCK_SECONDS = 600;

    TrainToken internal token;
    Staking internal staking;
    WorkerRegistry internal registry;
    EvaluatorPool internal pool;
    JobManager internal jobs;
    MockRandomness internal randomness;
    Timelock internal timelock;
    Governance internal governance;
    DisputeGame internal disputes;

    address internal client = address(0xC11E);
    address internal stranger = address(0x57A6);
    /// @dev Owners by number of actor; its operator is operatorOf(i).
    address[] internal workers;
    address[] internal evaluators;
    mapping(address owner => uint256 key) internal operatorKey;
    uint64 internal nextNonce;

    function deployAll() internal {
        vm.roll(100);
        vm.warp(1_800_000_000);
        uint256 nonce = vm.getNonce(address(this));
        address stakingAt = vm.computeCreateAddress(address(this), nonce + 2);
        address registryAt = vm.computeCreateAddress(address(this), nonce + 3);
        address poolAt = vm.computeCreateAddress(address(this), nonce + 4);
        address courtAt = vm.computeCreateAddress(address(this), nonce + 5);
        address jobsAt = vm.computeCreateAddress(address(this), nonce + 6);
        address timelockAt = vm.computeCreateAddress(address(this), nonce + 7);
        address governanceAt = vm.computeCreateAddress(address(this), nonce + 8);
        address disputesAt = vm.computeCreateAddress(address(this), nonce + 10); // its verifier comes before it
        token = new TrainToken();
        randomness = new MockRandomness();
        staking = new Staking(address(token), jobsAt, poolAt, DisputeGame(disputesAt), 7 days);
        registry = new WorkerRegistry(staking, EvaluatorPool(poolAt), IMembers(jobsAt), STAKE_MIN_GWEI);
        pool = new EvaluatorPool(registry, staking, STAKE_MIN_GWEI);
        new JobCourt(
            address(token),
            registry,
            staking,
            pool,
            randomness,
            timelockAt,
            DisputeGame(disputesAt)
        );
        jobs = new JobManager(address(token), registry, staking, pool, randomness, timelockAt, courtAt);
        timelock = new Timelock(7 days, governanceAt);
        governance = new Governance(token, staking, timelock, 1 days, 7 days, 1000 ether);
        disputes = new DisputeGame(new MockVerifier(), address(token), registry, BOND, CLOCK_SECONDS, 7 days);
        eq(address(disputes), disputesAt, "address of the game");
        eq(address(staking), stakingAt, "staking address");
        eq(address(registry), registryAt, "registry address");
        eq(address(jobs), jobsAt, "job manager address");
        eq(address(governance), governanceAt, "governance address");
    }

    function setUpMarket(uint256 workerCount, uint256 evaluatorCount) internal {
        deployAll();
        fund(client, CREDIT);
        for (uint256 i; i < workerCount; ++i) workers.push(addActor(1, STAKE));
        for (uint256 i; i < evaluatorCount; ++i) evaluators.push(addActor(2, STAKE));
    }

    /// @dev Gives an account TRAIN as a prepaid balance.
    function fund(address account, uint256 amountWei) internal {
        give(account, amountWei);
        vm.prank(account);
        staking.depositCredit(account, amountWei);
    }

    /// @dev Gives an account TRAIN that staking may pull.
    function give(address account, uint256 amountWei) internal {
        vm.deal(account, amountWei);
        vm.startPrank(account);
        token.deposit{value: amountWei}();
        token.approve(address(staking), type(uint256).max);
        vm.stopPrank();
    }

    uint256 private _actors;

    function addActor(uint8 roles, uint256 stakeWei) internal returns (address owner) {
        ++_actors;
        owner = vm.addr(OWNER_KEYS + _actors);
        operatorKey[owner] = OPERATOR_KEYS + _actors;
        give(owner, stakeWei);
        vm.prank(owner);
        staking.stake(stakeWei);
        register(owner, roles);
    }

    function register(address owner, uint8 roles) internal {
        IWorkerRegistry.Entry memory entry = entryOf(owner, roles);
        bytes memory signature = bindingOf(owner, operatorKey[owner]);
        vm.prank(owner);
        registry.register(entry, signature);
    }

    function entryOf(address owner, uint8 roles) internal view returns (IWorkerRegistry.Entry memory) {
        return
            IWorkerRegistry.Entry({
                operator: operatorOf(owner),
                roles: roles,
                x25519Key: keccak256(abi.encode("x25519", owner)),
                capabilitiesDigest: 0,
                peerId: "peer",
                consent: IWorkerRegistry.Consent(1, 0xffffff, 65_535, 1e12, 0)
            });
    }

    function bindingOf(address owner, uint256 key) internal view returns (bytes memory) {
        bytes32 structHash = keccak256(
            abi.encode(
                keccak256("OperatorBinding(address owner,address operator,uint256 nonce)"),
                owner,
                vm.addr(key),
                registry.bindingNonce(owner)
            )
        );
        return signatureOf(key, typedHash(address(registry), structHash));
    }

    function operatorOf(address owner) internal view returns (address) {
        return vm.addr(operatorKey[owner]);
    }

    function signatureOf(uint256 key, bytes32 digest) internal pure returns (bytes memory) {
        (uint8 v, bytes32 r, bytes32 s) = vm.sign(key, digest);
        return abi.encodePacked(r, s, v);
    }

    /// @dev The EIP-712 digest, written out here on its own.
    function typedHash(address verifier, bytes32 structHash) internal view returns (bytes32) {
        bytes32 domain = keccak256(
            abi.encode(
                keccak256(
                    "EIP712Domain(string name,string version,uint256 chainId,address verifyingContract)"
                ),
                keccak256("Quern"),
                keccak256("1"),
                block.chainid,
                verifier
            )
        );
        return keccak256(abi.encodePacked(hex"1901", domain, structHash));
    }

    function newTerms(uint8 matchMode) internal returns (PlainTerms memory terms) {
        terms.client = client;
        terms.nonce = nextNonce++;
        terms.rewardWei = 1000 ether;
        terms.auditDepositWei = 100 ether;
        terms.workerStakeWei = 100 ether;
        terms.evaluatorStakeWei = 50 ether;
        terms.flops = 1e9;
        terms.engineId = keccak256("engine");
        terms.specDigest = keccak256("spec");
        terms.slateVersion = pool.slateVersion();
        terms.workerCount = 3;
        terms.workerCountMin = 2;
        terms.evaluatorCount = 2;
        terms.matchMode = matchMode;
        terms.workerBps = 9000;
        terms.evaluatorBps = 500;
        terms.reporterBps = 3000;
        terms.clientBps = 2000;
        terms.timeoutBps = 1000;
        terms.volunteerSeconds = 10;
        terms.runSeconds = 600;
        terms.drawSeconds = 60;
        terms.commitSeconds = 120;
        terms.revealSeconds = 60;
        terms.roundSeconds = 30;
        terms.segmentCount = 12;
    }

    /// @dev Time and height go on together, one second a block.
    function pass(uint256 seconds_) internal {
        vm.warp(block.timestamp + seconds_);
        vm.roll(block.number + seconds_);
    }

    function consentsOf(
        PlainTerms memory terms,
        uint256 count
    ) internal view returns (IJobTypes.Consent[] memory consents) {
        consents = new IJobTypes.Consent[](count);
        for (uint256 i; i < count; ++i) consents[i] = consentOf(terms, workers[i]);
    }

    function consentOf(
        PlainTerms memory terms,
        address owner
    ) internal view returns (IJobTypes.Consent memory) {
        uint64 validUntil = uint64(block.timestamp + 100);
        bytes memory signature = signatureOf(operatorKey[owner], consentHash(terms, owner, validUntil));
        return IJobTypes.Consent(operatorOf(owner), validUntil, signature);
    }

    function consentHash(
        PlainTerms memory terms,
        address owner,
        uint64 validUntil
    ) internal view returns (bytes32) {
        string memory kind =
            terms.matchMode == 1
                ? "Offer(bytes32 jobId,address worker,uint64 validUntil)"
                : "Acceptance(bytes32 jobId,address worker,uint64 validUntil)";
        bytes32 structHash = keccak256(
            abi.encode(keccak256(bytes(kind)), jobs.jobIdOf(terms.pack()), owner, validUntil)
        );
        return typedHash(address(jobs), structHash);
    }

    function post(PlainTerms memory terms) internal returns (bytes32 jobId) {
        vm.prank(terms.client);
        return jobs.postJob(terms.pack());
    }

    /// @dev Opens a direct job with the first workers.
    function open(PlainTerms memory terms) internal returns (bytes32 jobId) {
        IJobTypes.KeyConsent[] memory consents = keyConsentsOf(terms, terms.workerCount);
        vm.prank(terms.client);
        return jobs.openJob(terms.pack(), consents);
    }

    function resultOf(address owner) internal pure returns (IJobTypes.Result memory) {
        return
            IJobTypes.Result(
                keccak256("model"),
                keccak256("cid"),
                keccak256(abi.encode("segments", owner)),
                keccak256(abi.encode("transcript", owner))
            );
    }

    function signedResultOf(
        PlainTerms memory terms,
        address owner
    ) internal view returns (IJobTypes.KeyResult memory) {
        IJobTypes.Result memory result = resultOf(owner);
        bytes32 structHash = keccak256(
            abi.encode(
                keccak256(
                    "Result(bytes32 jobId,uint32 attempt,bytes32 modelHash,bytes32 modelCidDigest,bytes32 segmentsRoot,bytes32 transcriptCidDigest)"
                ),
                jobs.jobIdOf(terms.pack()),
                uint32(stateOf(terms).attempt),
                result.modelHash,
                result.modelCidDigest,
                result.segmentsRoot,
                result.transcriptCidDigest
            )
        );
        (bytes32 r, bytes32 vs) = wordsOf(operatorKey[owner], typedHash(address(jobs), structHash));
        return IJobTypes.KeyResult(result.segmentsRoot, result.transcriptCidDigest, r, vs);
    }

    function openingOf(
        PlainTerms memory terms,
        address owner,
        IJobTypes.Verdict memory verdict
    ) internal view returns (IJobTypes.KeyOpening memory) {
        bytes32 kind = keccak256(
            "Verdict(bytes32 jobId,uint32 attempt,bytes32 modelHash,bytes32 modelCidDigest,int64 metricMicros,uint128 segments,uint8 guiltyMask,uint8 withheldMask,uint16 lazyMask,bytes32 evidenceDigest)"
        );
        bytes32 jobId = jobs.jobIdOf(terms.pack());
        uint32 attempt = stateOf(terms).attempt;
        bytes32 structHash = keccak256(bytes.concat(abi.encode(kind, jobId, attempt), abi.encode(verdict)));
        (bytes32 r, bytes32 vs) = wordsOf(operatorKey[owner], typedHash(address(jobs), structHash));
        return IJobTypes.KeyOpening(r, vs);
    }

    /// @dev A signature in the two words of EIP-2098.
    function wordsOf(uint256 key, bytes32 digest) internal pure returns (bytes32 r, bytes32 vs) {
        uint8 v;
        (v, r, vs) = vm.sign(key, digest);
        if (v == 28) vs |= bytes32(uint256(1) << 255);
    }

    function keyConsentsOf(
        PlainTerms memory terms,
        uint256 count
    ) internal view returns (IJobTypes.KeyConsent[] memory consents) {
        consents = new IJobTypes.KeyConsent[](count);
        for (uint256 i; i < count; ++i) {
            uint64 validUntil = uint64(block.timestamp + 100);
            bytes32 digest = consentHash(terms, workers[i], validUntil);
            (bytes32 r, bytes32 vs) = wordsOf(operatorKey[workers[i]], digest);
            uint256 signer = uint256(uint160(operatorOf(workers[i]))) | (uint256(validUntil) << 160);
            consents[i] = IJobTypes.KeyConsent(signer, r, vs);
        }
    }

    function submit(PlainTerms memory terms, address owner) internal {
        vm.prank(operatorOf(owner));
        jobs.submitResult(terms.pack(), resultOf(owner));
    }

    function submitAll(PlainTerms memory terms) internal {
        IJobTypes.JobState memory state = stateOf(terms);
        for (uint256 i; i < state.workers.length; ++i) {
            if ((state.activeMask >> i) & 1 == 1) submit(terms, state.workers[i]);
        }
    }

    function draw(PlainTerms memory terms) internal returns (address[] memory) {
        pass(2);
        return jobs.drawEvaluators(terms.pack());
    }

    /// @dev A clean verdict that credits 12, 11, 10 ... segments.
    function cleanVerdict(PlainTerms memory terms) internal view returns (IJobTypes.Verdict memory verdict) {
        verdict.modelHash = keccak256("model");
        verdict.modelCidDigest = keccak256("cid");
        verdict.metricMicros = 970_000;
        verdict.segments = segmentsOf(stateOf(terms).submittedMask);
    }

    function segmentsOf(uint8 mask) internal pure returns (uint128 segments) {
        for (uint256 i; i < 8; ++i) {
            if ((mask >> i) & 1 == 1) segments |= uint128(12 - i) << uint128(16 * i);
        }
    }

    function guiltyVerdict(
        PlainTerms memory terms,
        uint8 guiltyMask
    ) internal view returns (IJobTypes.Verdict memory verdict) {
        verdict = cleanVerdict(terms);
        verdict.guiltyMask = guiltyMask;
        verdict.segments = segmentsOf(stateOf(terms).submittedMask & ~guiltyMask);
        verdict.evidenceDigest = keccak256("evidence");
    }

    function saltOf(address owner) internal pure returns (bytes32) {
        return keccak256(abi.encode("salt", owner));
    }

    function commit(PlainTerms memory terms, address owner, IJobTypes.Verdict memory verdict) internal {
        bytes32 jobId = jobs.jobIdOf(terms.pack());
        uint32 attempt = stateOf(terms).attempt;
        bytes32 verdictHash = keccak256(abi.encode(verdict));
        bytes32 commitment = keccak256(abi.encode(jobId, attempt, owner, verdictHash, saltOf(owner)));
        vm.prank(operatorOf(owner));
        jobs.commitVerdict(terms.pack(), commitment);
    }

    function reveal(PlainTerms memory terms, address owner, IJobTypes.Verdict memory verdict) internal {
        vm.prank(operatorOf(owner));
        jobs.revealVerdict(terms.pack(), verdict, saltOf(owner), keccak256("heldOutKey"));
    }

    /// @dev Draws, and lets everybody drawn agree.
    function attest(PlainTerms memory terms, IJobTypes.Verdict memory verdict) internal {
        address[] memory drawn = draw(terms);
        for (uint256 i; i < drawn.length; ++i) commit(terms, drawn[i], verdict);
        for (uint256 i; i < drawn.length; ++i) reveal(terms, drawn[i], verdict);
    }

    /// @dev A direct job up to the drawing.
    function openAndSubmit() internal virtual returns (PlainTerms memory terms) {
        terms = newTerms(2);
        open(terms);
        pass(1);
        submitAll(terms);
    }

    /// @dev The call must revert with exactly this.
    function expectFail(address sender, bytes memory call, bytes memory reason) internal {
        expectFailAt(address(jobs), sender, call, reason);
    }

    function expectFailAt(address target, address sender, bytes memory call, bytes memory reason) internal {
        vm.prank(sender);
        (bool success, bytes memory answer) = target.call(call);
        ok(!success, "the call must revert");
        if (keccak256(answer) != keccak256(reason)) {
            assembly ("memory-safe") {
                revert(add(answer, 32), mload(answer))
            }
        }
    }

    function wrongStatus(IJobTypes.Status status) internal pure returns (bytes memory) {
        return abi.encodeWithSelector(IJobTypes.WrongStatus.selector, status);
    }

    function badTerms(uint8 field) internal pure returns (bytes memory) {
        return abi.encodeWithSelector(IJobTypes.BadTerms.selector, field);
    }

    /// @dev One of the recorded logs has this topic and data.
    function expectLog(bytes32 topic, bytes memory data) internal {
        expectLogIn(vm.getRecordedLogs(), topic, data);
    }

    function expectLogIn(Vm.Log[] memory logs, bytes32 topic, bytes memory data) internal pure {
        for (uint256 i; i < logs.length; ++i) {
            if (logs[i].topics[0] == topic && keccak256(logs[i].data) == keccak256(data)) return;
        }
        ok(false, "no such log");
    }

    /// @dev Actors not drawn so far, out of the evaluators.
    function isDrawn(PlainTerms memory terms, address owner) internal view returns (bool) {
        address[] memory drawn = stateOf(terms).evaluators;
        for (uint256 i; i < drawn.length; ++i) if (drawn[i] == owner) return true;
        return false;
    }

    function stateOf(PlainTerms memory terms) internal view returns (IJobTypes.JobState memory) {
        return jobs.jobState(jobs.jobIdOf(terms.pack()));
    }

    function expectStatus(PlainTerms memory terms, IJobTypes.Status status) internal view {
        eq(uint256(stateOf(terms).status), uint256(status), "status");
    }

    function earningsOf(address account) internal view returns (uint256) {
        return uint256(staking.accountOf(account).earningsGwei) * 1e9;
    }

    function activeOf(address account) internal view returns (uint256) {
        return uint256(staking.accountOf(account).activeGwei) * 1e9;
    }

    function lockedOf(address account) internal view returns (uint256) {
        return uint256(staking.accountOf(account).lockedGwei) * 1e9;
    }

    /// @dev Nothing of a job is left in escrow or locked.
    function expectClean() internal view {
        (uint256 escrowWei, ) = staking.held();
        eq(escrowWei, 0, "escrow");
        eq(jobs.openJobs(), 0, "open jobs");
        for (uint256 i; i < workers.length; ++i) eq(lockedOf(workers[i]), 0, "worker lock");
        for (uint256 i; i < evaluators.length; ++i) eq(lockedOf(evaluators[i]), 0, "evaluator lock");
    }
}
