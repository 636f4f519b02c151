// SPDX-License-Identifier: MIT
pragma solidity ^0.8.28;

import {IJobTypes} from "../../contracts/interfaces/IJobTypes.sol";
import {IRandomness} from "../../contracts/interfaces/IRandomness.sol";
import {IStaking} from "../../contracts/interfaces/IStaking.sol";
import {IWorkerRegistry} from "../../contracts/interfaces/IWorkerRegistry.sol";
import {PlainTerms} from "./PlainTerms.sol";
import {World} from "./World.sol";

contract AssignWorkersTest is World {
    function setUp() public {
        setUpMarket(5, 3);
    }

    function test_drawsAmongVolunteersAndFreesTheOthers() public {
        PlainTerms memory terms = withVolunteers(5);
        pass(12);
        vm.prank(stranger);
        jobs.assignWorkers(terms.pack(), new IJobTypes.Consent[](0));
        IJobTypes.JobState memory state = stateOf(terms);
        eq(uint256(state.status), uint256(IJobTypes.Status.Running), "running");
        eq(state.workers.length, 3, "three");
        eq(state.activeMask, 7, "all active");
        eq(state.deadline, block.timestamp + 600, "run window");
        uint256 locked;
        for (uint256 i; i < 5; ++i) locked += lockedOf(workers[i]);
        eq(locked, 300 ether, "only the drawn stay locked");
        for (uint256 i; i < 3; ++i) eq(lockedOf(state.workers[i]), 100 ether, "drawn is locked");
    }

    function test_everyOrderOfVolunteersIsPossible() public {
        uint256 seen;
        for (uint256 salt; salt < 40; ++salt) {
            randomness.setSalt(salt);
            PlainTerms memory terms = withVolunteers(4);
            terms.workerCount = 3;
            pass(12);
            jobs.assignWorkers(terms.pack(), new IJobTypes.Consent[](0));
            address[] memory drawn = stateOf(terms).workers;
            for (uint256 i; i < 4; ++i) if (drawn[0] == workers[i]) seen |= 1 << i;
            pass(601);
            jobs.expire(terms.pack());
        }
        eq(seen, 15, "everybody comes first sometimes");
    }

    function test_takesFewerDownToTheMinimum() public {
        PlainTerms memory terms = withVolunteers(2);
        pass(12);
        jobs.assignWorkers(terms.pack(), new IJobTypes.Consent[](0));
        eq(stateOf(terms).workers.length, 2, "two of three");
    }

    function test_refusesBelowTheMinimum() public {
        PlainTerms memory terms = withVolunteers(1);
        pass(12);
        expectFail(
            client,
            abi.encodeCall(jobs.assignWorkers, (terms.pack(), new IJobTypes.Consent[](0))),
            abi.encodeWithSelector(IJobTypes.TooFewWorkers.selector, uint256(1))
        );
    }

    function test_waitsForTheSeed() public {
        PlainTerms memory terms = withVolunteers(3);
        uint256 height = stateOf(terms).seedHeight;
        pass(11);
        expectFail(
            client,
            abi.encodeCall(jobs.assignWorkers, (terms.pack(), new IJobTypes.Consent[](0))),
            abi.encodeWithSelector(IRandomness.SeedUnknown.selector, height)
        );
    }

    function test_refusesAfterTheDeadline() public {
        PlainTerms memory terms = withVolunteers(3);
        uint256 until = block.timestamp + 610;
        pass(611);
        expectFail(
            client,
            abi.encodeCall(jobs.assignWorkers, (terms.pack(), new IJobTypes.Consent[](0))),
            abi.encodeWithSelector(IJobTypes.TooLate.selector, until)
        );
    }

    function test_takesSignedOffersAndAcceptances() public {
        for (uint8 mode = 1; mode < 3; ++mode) {
            PlainTerms memory terms = newTerms(mode);
            bytes32 jobId = post(terms);
            IJobTypes.Consent[] memory consents = consentsOf(terms, 3);
            address[] memory expected = new address[](3);
            for (uint256 i; i < 3; ++i) expected[i] = workers[i];
            vm.expectEmit(true, true, true, true);
            emit IJobTypes.WorkersAssigned(jobId, expected, uint64(block.number + 2));
            vm.prank(client);
            jobs.assignWorkers(terms.pack(), consents);
            eq(stateOf(terms).workers[2], workers[2], "order is index");
        }
        eq(lockedOf(workers[0]), 200 ether, "a lock for each job");
    }

    function test_takesSignaturesOfContracts() public {
        SmartOperator smart = new SmartOperator(vm.addr(77));
        PlainTerms memory terms = newTerms(1);
        terms.workerCountMin = 1;
        address owner = workers[0];
        IWorkerRegistry.Entry memory entry = entryOf(owner, 1);
        entry.operator = address(smart);
        bytes32 structHash = keccak256(
            abi.encode(
                keccak256("OperatorBinding(address owner,address operator,uint256 nonce)"),
                owner,
                address(smart),
                registry.bindingNonce(owner)
            )
        );
        bytes memory binding = signatureOf(77, typedHash(address(registry), structHash));
        vm.prank(owner);
        registry.register(entry, binding);
        post(terms);
        IJobTypes.Consent[] memory consents = new IJobTypes.Consent[](1);
        consents[0] = consentOf(terms, owner);
        consents[0].operator = address(smart);
        bytes memory reason = abi.encodeWithSelector(IJobTypes.BadSignature.selector, address(smart));
        expectFail(client, abi.encodeCall(jobs.assignWorkers, (terms.pack(), consents)), reason);
        operatorKey[owner] = 77;
        consents[0].signature = consentOf(terms, owner).signature;
        vm.prank(client);
        jobs.assignWorkers(terms.pack(), consents);
    }

    function test_onlyTheClientPicks() public {
        PlainTerms memory terms = newTerms(1);
        post(terms);
        refused(terms, stranger, consentsOf(terms, 3), IJobTypes.NotClient.selector, uint160(stranger));
    }

    function test_refusesOthersSignatures() public {
        PlainTerms memory terms = newTerms(1);
        post(terms);
        IJobTypes.Consent[] memory consents = consentsOf(terms, 3);
        consents[1].signature = consents[0].signature;
        refused(terms, client, consents, IJobTypes.BadSignature.selector, uint160(operatorOf(workers[1])));
    }

    function test_refusesAnOfferForOtherTerms() public {
        PlainTerms memory terms = newTerms(1);
        IJobTypes.Consent[] memory consents = consentsOf(terms, 3);
        terms.rewardWei = 1 ether;
        post(terms);
        refused(terms, client, consents, IJobTypes.BadSignature.selector, uint160(operatorOf(workers[0])));
    }

    function test_refusesAnAcceptanceAsOffer() public {
        PlainTerms memory terms = newTerms(1);
        post(terms);
        terms.matchMode = 2;
        IJobTypes.Consent[] memory consents = consentsOf(terms, 3);
        terms.matchMode = 1;
        refused(terms, client, consents, IJobTypes.BadSignature.selector, uint160(operatorOf(workers[0])));
    }

    function test_refusesExpiredOffers() public {
        PlainTerms memory terms = newTerms(1);
        post(terms);
        IJobTypes.Consent[] memory consents = consentsOf(terms, 3);
        pass(101);
        refused(terms, client, consents, IJobTypes.SignatureExpired.selector, block.timestamp - 1);
    }

    function test_refusesOneWorkerTwice() public {
        PlainTerms memory terms = newTerms(1);
        post(terms);
        IJobTypes.Consent[] memory consents = consentsOf(terms, 3);
        consents[2] = consents[0];
        refused(terms, client, consents, IJobTypes.AlreadyDone.selector, uint160(workers[0]));
    }

    function test_refusesTooFewAndTooMany() public {
        PlainTerms memory terms = newTerms(1);
        post(terms);
        refused(terms, client, consentsOf(terms, 1), IJobTypes.TooFewWorkers.selector, 1);
        refused(terms, client, consentsOf(terms, 4), IJobTypes.TooFewWorkers.selector, 4);
    }

    function test_refusesALateClient() public {
        PlainTerms memory terms = newTerms(1);
        post(terms);
        pass(601);
        refused(terms, client, consentsOf(terms, 3), IJobTypes.TooLate.selector, block.timestamp - 1);
    }

    function test_openJobIsPostAndAssign() public {
        PlainTerms memory terms = newTerms(2);
        address[] memory expected = new address[](3);
        for (uint256 i; i < 3; ++i) expected[i] = workers[i];
        vm.expectEmit(true, true, true, true);
        uint64 height = uint64(block.number + 2);
        emit IJobTypes.JobOpened(jobs.jobIdOf(terms.pack()), terms.pack(), height, expected);
        bytes32 jobId = open(terms);
        eq(stateOf(terms).workers.length, 3, "assigned");
        (uint256 escrowWei, ) = staking.held();
        eq(escrowWei, 1100 ether, "escrowed");
        eq(jobs.openJobs(), 1, "counted");
        IJobTypes.KeyConsent[] memory consents = keyConsentsOf(terms, 3);
        openingFails(terms, consents, abi.encodeWithSelector(IJobTypes.JobExists.selector, jobId));
        terms = newTerms(0);
        openingFails(terms, keyConsentsOf(terms, 3), badTerms(14));
    }

    function test_openJobRefusesWhatAssignWorkersRefuses() public {
        PlainTerms memory terms = newTerms(2);
        openingFails(
            terms,
            keyConsentsOf(terms, 1),
            abi.encodeWithSelector(IJobTypes.TooFewWorkers.selector, 1)
        );
        openingFails(
            terms,
            keyConsentsOf(terms, 4),
            abi.encodeWithSelector(IJobTypes.TooFewWorkers.selector, 4)
        );
        IJobTypes.KeyConsent[] memory consents = keyConsentsOf(terms, 3);
        (consents[1].r, consents[1].vs) = (consents[0].r, consents[0].vs);
        bytes memory forged = abi.encodeWithSelector(IJobTypes.BadSignature.selector, operatorOf(workers[1]));
        openingFails(terms, consents, forged);
        consents = keyConsentsOf(terms, 3);
        consents[1].signer += 1 << 160; // valid a second longer than signed
        openingFails(terms, consents, forged);
        consents = keyConsentsOf(terms, 3);
        consents[2] = consents[0];
        openingFails(terms, consents, abi.encodeWithSelector(IJobTypes.AlreadyDone.selector, workers[0]));
        consents = keyConsentsOf(terms, 3);
        consents[0].signer = uint160(stranger) | ((block.timestamp + 100) << 160);
        openingFails(
            terms,
            consents,
            abi.encodeWithSelector(IWorkerRegistry.NotRegistered.selector, stranger)
        );
        consents = keyConsentsOf(terms, 3);
        expectFail(
            stranger,
            abi.encodeCall(jobs.openJob, (terms.pack(), consents)),
            abi.encodeWithSelector(IJobTypes.NotClient.selector, stranger)
        );
        terms = newTerms(1);
        IJobTypes.KeyConsent[] memory offers = keyConsentsOf(terms, 3);
        pass(101);
        uint256 until = block.timestamp - 1;
        openingFails(terms, offers, abi.encodeWithSelector(IJobTypes.SignatureExpired.selector, until));
        for (uint256 i; i < 3; ++i) offers[i].signer |= 1 << 224; // bits that nobody signed
        openingFails(terms, offers, abi.encodeWithSelector(IJobTypes.SignatureExpired.selector, until));
        pass(600);
        offers = keyConsentsOf(terms, 3);
        terms.nonce += 100; // consents are for one job
        vm.prank(client);
        (bool isOpen, bytes memory answer) = address(jobs).call(
            abi.encodeCall(jobs.openJob, (terms.pack(), offers))
        );
        ok(!isOpen && bytes4(answer) == IJobTypes.BadSignature.selector, "for another job");
    }

    function test_openJobNeedsFreeStakeAndConsent() public {
        PlainTerms memory terms = newTerms(2);
        vm.prank(workers[1]);
        staking.unstake(STAKE - 50 ether);
        IJobTypes.KeyConsent[] memory consents = keyConsentsOf(terms, 3);
        openingFails(terms, consents, abi.encodeWithSelector(IStaking.StakeTooLow.selector, workers[1]));
        vm.prank(workers[0]);
        registry.setConsent(IWorkerRegistry.Consent(2, 0xffffff, type(uint32).max, type(uint64).max, 0));
        bytes memory refusal = abi.encodeWithSelector(IWorkerRegistry.ConsentRefused.selector, workers[0]);
        openingFails(terms, consents, refusal);
    }

    function openingFails(
        PlainTerms memory terms,
        IJobTypes.KeyConsent[] memory consents,
        bytes memory reason
    ) internal {
        expectFail(client, abi.encodeCall(jobs.openJob, (terms.pack(), consents)), reason);
    }

    function test_assignsEight() public {
        for (uint256 i; i < 3; ++i) workers.push(addActor(1, STAKE));
        PlainTerms memory terms = newTerms(2);
        terms.workerCount = 8;
        open(terms);
        IJobTypes.JobState memory state = stateOf(terms);
        eq(state.workers.length, 8, "eight");
        for (uint256 i; i < 8; ++i) eq(state.workers[i], workers[i], "in order");
        submitAll(terms);
        IJobTypes.Verdict memory verdict = cleanVerdict(terms);
        attest(terms, verdict);
        jobs.distributePayment(terms.pack(), verdict);
        expectClean();
    }

    function refused(
        PlainTerms memory terms,
        address sender,
        IJobTypes.Consent[] memory consents,
        bytes4 selector,
        uint256 argument
    ) internal {
        bytes memory call = abi.encodeCall(jobs.assignWorkers, (terms.pack(), consents));
        expectFail(sender, call, abi.encodeWithSelector(selector, argument));
    }

    function withVolunteers(uint256 count) internal returns (PlainTerms memory terms) {
        terms = newTerms(0);
        post(terms);
        for (uint256 i; i < count; ++i) {
            vm.prank(operatorOf(workers[i]));
            jobs.volunteer(terms.pack());
        }
    }
}

/// @dev An ERC-1271 account with one key.
contract SmartOperator {
    address private immutable _key;

    constructor(address key) {
        _key = key;
    }

    function isValidSignature(bytes32 digest, bytes calldata signature) external view returns (bytes4) {
        (bytes32 r, bytes32 s) = abi.decode(signature, (bytes32, bytes32));
        return
            ecrecover(digest, uint8(signature[64]), r, s) == _key
                ? this.isValidSignature.selector
                : bytes4(0);
    }
}
