// SPDX-License-Identifier: MIT
pragma solidity ^0.8.28;

import {IDisputeGame} from "../../contracts/interfaces/IDisputeGame.sol";
import {IStaking} from "../../contracts/interfaces/IStaking.sol";
import {MerklePaths} from "../../contracts/libraries/MerklePaths.sol";
import {DisputePlay} from "./DisputePlay.sol";

contract DisputeGameTest is DisputePlay {
    function setUp() public {
        setUpMarket(3, 4);
        setUpDisputes();
    }

    function freeOf(address account) private view returns (uint256 freeWei) {
        (freeWei, ) = disputes.balanceOf(account);
    }

    function refusedMove(address by, bytes memory call, bytes memory reason) private {
        expectFailAt(address(disputes), by, call, reason);
    }

    function refused(bytes memory reason) private {
        (address by, bytes memory call, ) = moveOf();
        refusedMove(by, call, reason);
    }

    function code(bytes4 selector) private pure returns (bytes memory) {
        return abi.encodeWithSelector(selector);
    }

    function lossOf() private view returns (uint256 worker, address reporter) {
        (, worker, reporter) = disputes.lossOf(claim);
    }

    function test_theRightAsserterProvesItsTermsAndWins() public {
        begin(claimOf("job", STEPS));
        playToProof();
        uint256 before = freeOf(asserter);
        IDisputeGame.Slice memory slice = sliceOf(at);
        vm.prank(asserter);
        disputes.prove(id, at, claim, slice);
        eq(freeOf(asserter) - before, 4 * BOND + 12 ether, "its bonds, and 30 % of four others");
        eq(freeOf(client), 8 ether, "20 % to the client");
        eq(disputes.burnedWei(), 20 ether, "50 % burned");
        (uint256 worker, address reporter) = lossOf();
        eq(worker, 0, "nobody lost the claim");
        eq(reporter, address(0), "nobody showed anything");
        ok(!disputes.isHeld(workers[0]), "its stake is free again");
    }

    function test_aWrongAsserterIsRefutedInItsOwnTurn() public {
        values[2] ^= 1;
        termsPart = 31;
        begin(claimOf("job", 1));
        ok(disputes.isHeld(workers[0]), "stake is held while the dispute is open");
        playToProof();
        refusedMove(asserter, proveCall(), code(IDisputeGame.WrongResult.selector));
        uint256 before = freeOf(challenger);
        vm.prank(stranger);
        disputes.refute(id, at, claim, sliceOf(at));
        eq(freeOf(challenger) - before, 4 * BOND + 12 ether, "the challenger wins, whoever sent the proof");
        (uint256 worker, address reporter) = lossOf();
        eq(worker, registry.idOf(workers[0]), "whose operator signed");
        eq(reporter, challenger, "who showed it");
        ok(disputes.isHeld(workers[0]), "stake stays within reach of the court");
        pass(1 days);
        ok(!disputes.isHeld(workers[0]), "for a day");
    }

    function test_nothingRightIsRefuted() public {
        begin(claimOf("job", 1));
        playToProof();
        refusedMove(challenger, refuteCall(), code(IDisputeGame.RightResult.selector));
    }

    function test_whoIsSilentLoses() public {
        begin(claimOf("job", STEPS));
        bytes memory expire = abi.encodeCall(disputes.expire, (id, at, claim));
        refusedMove(
            stranger,
            expire,
            abi.encodeWithSelector(IDisputeGame.ClockRuns.selector, uint256(CLOCK_SECONDS))
        );
        pass(CLOCK_SECONDS + 1);
        refused(code(IDisputeGame.ClockExpired.selector));
        vm.prank(stranger);
        disputes.expire(id, at, claim);
        (, address reporter) = lossOf();
        eq(reporter, challenger, "the asserter kept silent");
        refusedMove(stranger, expire, wrongPhase(IDisputeGame.Phase.Over));
        claim.validUntil += 1 hours;
        begin(claim);
        make();
        pass(CLOCK_SECONDS + 1);
        disputes.expire(id, at, claim);
        (, reporter) = lossOf();
        eq(reporter, address(0), "the challenger kept silent");
    }

    function wrongPhase(IDisputeGame.Phase phase) private pure returns (bytes memory) {
        return abi.encodeWithSelector(IDisputeGame.WrongPhase.selector, phase);
    }

    function test_aClockIsForAllMovesTogether() public {
        begin(claimOf("job", STEPS));
        pass(CLOCK_SECONDS);
        make();
        pass(CLOCK_SECONDS);
        make();
        pass(1);
        refused(code(IDisputeGame.ClockExpired.selector));
    }

    function test_refusesWhatIsNoClaim() public {
        IDisputeGame.Claim memory claim_ = claimOf("job", 1);
        bytes memory signature = signClaim(claim_);
        bytes memory call = abi.encodeCall(disputes.open, (claim_, signature));
        refusedMove(asserter, call, code(IDisputeGame.SelfDispute.selector));
        pass(1 hours + 1);
        refusedMove(
            challenger,
            call,
            abi.encodeWithSelector(IDisputeGame.ClaimExpired.selector, uint256(claim_.validUntil))
        );
        claim_.validUntil += 2 hours;
        refusedMove(
            challenger,
            abi.encodeCall(disputes.open, (claim_, signature)),
            abi.encodeWithSelector(IDisputeGame.BadSignature.selector, asserter)
        );
        claim_.endLeaf = claim_.startLeaf;
        refusedMove(
            challenger,
            abi.encodeCall(disputes.open, (claim_, signClaim(claim_))),
            code(IDisputeGame.BadClaim.selector)
        );
        claim_ = claimOf("job", 1);
        claim_.steps = 0;
        refusedMove(
            challenger,
            abi.encodeCall(disputes.open, (claim_, signClaim(claim_))),
            code(IDisputeGame.BadClaim.selector)
        );
    }

    function test_oneDisputeAboutAClaimAtATime() public {
        begin(claimOf("job", STEPS));
        bytes memory call = abi.encodeCall(disputes.open, (claim, signClaim(claim)));
        refusedMove(second, call, abi.encodeWithSelector(IDisputeGame.AlreadyDisputed.selector, id));
        make();
        pass(CLOCK_SECONDS + 1);
        disputes.expire(id, at, claim);
        vm.prank(second);
        disputes.open(claim, signClaim(claim));
        pass(CLOCK_SECONDS + 1);
        disputes.expire(id, startOf(claim), claim);
        refusedMove(challenger, call, code(IDisputeGame.AlreadyLost.selector));
    }

    function test_aLostChallengeLeavesTimeForAnother() public {
        begin(claimOf("job", STEPS));
        make();
        vm.warp(claim.validUntil);
        disputes.expire(id, at, claim);
        vm.warp(claim.validUntil + CLOCK_SECONDS);
        openAs(second, claim);
    }

    function test_noChallengeWithoutABond() public {
        IDisputeGame.Claim memory claim_ = claimOf("job", STEPS);
        bytes memory signature = signClaim(claim_);
        refusedMove(
            stranger,
            abi.encodeCall(disputes.open, (claim_, signature)),
            abi.encodeWithSelector(IDisputeGame.BalanceTooLow.selector, stranger)
        );
    }

    function test_anAsserterWithoutABondAnswersWithItsStake() public {
        vm.prank(asserter);
        disputes.thaw(100 ether);
        pass(7 days);
        vm.prank(asserter);
        disputes.withdraw();
        begin(claimOf("job", STEPS));
        ok(disputes.isHeld(workers[0]), "held");
        refused(abi.encodeWithSelector(IDisputeGame.BalanceTooLow.selector, asserter));
        deposit(asserter, 10 ether);
        make();
        pass(CLOCK_SECONDS);
        make();
        pass(CLOCK_SECONDS + 1);
        disputes.expire(id, at, claim);
        eq(freeOf(asserter), 0, "the bond that its move took");
    }

    function test_aStrangersClaimNeedsItsBond() public {
        uint256 key = 0xABCDEF;
        asserter = vm.addr(key);
        operatorKey[workers[0]] = key;
        IDisputeGame.Claim memory claim_ = claimOf("job", 1);
        bytes memory call = abi.encodeCall(disputes.open, (claim_, signClaim(claim_)));
        refusedMove(challenger, call, abi.encodeWithSelector(IDisputeGame.BalanceTooLow.selector, asserter));
        deposit(asserter, 10 ether);
        begin(claim_);
        pass(CLOCK_SECONDS + 1);
        disputes.expire(id, at, claim);
        (uint256 worker, address reporter) = lossOf();
        eq(worker, 0, "nobody's stake");
        eq(reporter, challenger, "lost all the same");
    }

    function test_movesOutOfTurnAndReplayed() public {
        begin(claimOf("job", STEPS));
        (, bytes memory first, ) = moveOf();
        refusedMove(challenger, first, abi.encodeWithSelector(IDisputeGame.NotYourTurn.selector, challenger));
        make();
        refusedMove(asserter, first, code(IDisputeGame.WrongPosition.selector));
        (, bytes memory picked, ) = moveOf();
        refusedMove(asserter, picked, abi.encodeWithSelector(IDisputeGame.NotYourTurn.selector, asserter));
        make();
        refusedMove(challenger, picked, code(IDisputeGame.WrongPosition.selector));
    }

    function test_eachMoveHasItsPhase() public {
        begin(claimOf("job", STEPS));
        bytes32[] memory none = new bytes32[](0);
        bytes memory reason = wrongPhase(IDisputeGame.Phase.SplitSteps);
        refusedMove(asserter, abi.encodeCall(disputes.pick, (id, at, none, 0)), reason);
        refusedMove(asserter, abi.encodeCall(disputes.openStep, (id, at, claim, stepOpening(1))), reason);
        refusedMove(
            asserter,
            abi.encodeCall(disputes.openTensor, (id, at, claim, tensorOpening(AFTER))),
            reason
        );
        refusedMove(asserter, abi.encodeCall(disputes.openNode, (id, at, none)), reason);
        refusedMove(asserter, abi.encodeCall(disputes.pickNode, (id, at, none, 0)), reason);
        refusedMove(asserter, abi.encodeCall(disputes.openLeaf, (id, at, "")), reason);
        refusedMove(asserter, abi.encodeCall(disputes.pickElement, (id, at, "", 0)), reason);
        refusedMove(
            asserter,
            abi.encodeCall(disputes.openElement, (id, at, claim, elementOpening(4 * 512))),
            reason
        );
        IDisputeGame.Slice memory slice;
        refusedMove(asserter, abi.encodeCall(disputes.prove, (id, at, claim, slice)), reason);
        refusedMove(asserter, abi.encodeCall(disputes.refute, (id, at, claim, slice)), reason);
        make();
        reason = wrongPhase(IDisputeGame.Phase.PickStep);
        refusedMove(challenger, abi.encodeCall(disputes.split, (id, at, none)), reason);
    }

    function test_splitsHaveTheirCountAndEnds() public {
        begin(claimOf("job", STEPS));
        bytes32[] memory parts = partsOf(at, STEPS);
        bytes memory wrongHash = code(IDisputeGame.WrongHash.selector);
        bytes32[] memory fewer = new bytes32[](32);
        refusedMove(
            asserter,
            abi.encodeCall(disputes.split, (id, at, fewer)),
            abi.encodeWithSelector(IDisputeGame.WrongCount.selector, uint256(32), uint256(33))
        );
        parts[32] = 0;
        refusedMove(asserter, abi.encodeCall(disputes.split, (id, at, parts)), wrongHash);
        make();
        refusedMove(challenger, abi.encodeCall(disputes.pick, (id, at, parts, 0)), wrongHash);
        parts = partsOf(at, STEPS);
        refusedMove(
            challenger,
            abi.encodeCall(disputes.pick, (id, at, parts, 32)),
            abi.encodeWithSelector(IDisputeGame.OutOfRange.selector, uint256(32), uint256(32))
        );
    }

    function test_aRangeOfOneIsNotSplit() public {
        values[2] ^= 1;
        termsPart = 31;
        begin(claimOf("job", 1));
        playToProof();
        while (at.high - at.low > 1) make();
        bytes32[] memory parts = new bytes32[](2);
        refusedMove(
            asserter,
            abi.encodeCall(disputes.split, (id, at, parts)),
            wrongPhase(IDisputeGame.Phase.SplitSlice)
        );
    }

    function refusedStep(IDisputeGame.StepOpening memory o, bytes memory reason) private {
        refusedMove(asserter, abi.encodeCall(disputes.openStep, (id, at, claim, o)), reason);
    }

    function test_stepsAreOpenedWhole() public {
        begin(claimOf("job", STEPS));
        playTo(IDisputeGame.Phase.OpenStep);
        bytes memory wrongProof = code(IDisputeGame.WrongProof.selector);
        bytes memory wrongHash = code(IDisputeGame.WrongHash.selector);
        bytes memory badPath = code(MerklePaths.BadPath.selector);
        IDisputeGame.StepOpening memory o = stepOpening(STEPS);
        o.paths = new bytes32[][](10);
        refusedStep(o, abi.encodeWithSelector(IDisputeGame.WrongCount.selector, uint256(10), uint256(11)));
        o = stepOpening(STEPS);
        o.paths[0] = new bytes32[](1);
        refusedStep(o, badPath);
        o.paths[0] = new bytes32[](9);
        refusedStep(o, badPath);
        o.paths[0] = pathIn(prefixLeaves(TOTAL), 0);
        refusedStep(o, wrongProof);
        for (uint256 i = 3; i < 10; ++i) {
            if (i == 4 || i == 5) continue;
            o = stepOpening(STEPS);
            o.paths[i][0] = 0;
            refusedStep(o, wrongProof);
        }
        o = stepOpening(STEPS);
        o.end.step = 0;
        refusedStep(o, wrongHash);
        o = stepOpening(STEPS);
        o.start.p = 0;
        refusedStep(o, wrongHash);
        o = stepOpening(STEPS);
        o.given = 0;
        refusedStep(o, abi.encodeWithSelector(IDisputeGame.OutOfRange.selector, uint256(0), uint256(TOTAL)));
        o.given = uint64(TOTAL);
        refusedStep(
            o,
            abi.encodeWithSelector(IDisputeGame.OutOfRange.selector, uint256(TOTAL), uint256(TOTAL))
        );
        o = stepOpening(STEPS);
        o.before = 0;
        refusedStep(o, wrongProof);
        o = stepOpening(STEPS);
        o.loss.task.kind = 16;
        refusedStep(o, wrongProof);
        o = stepOpening(STEPS);
        o.lastGivenSize = 2;
        refusedStep(o, wrongProof);
    }

    function test_aStepReadsWhatTheClaimSays() public {
        IDisputeGame.Claim memory claim_ = claimOf("job", STEPS);
        claim_.batchRoot = keccak256("other rows");
        begin(claim_);
        playTo(IDisputeGame.Phase.OpenStep);
        refused(code(IDisputeGame.WrongBatch.selector));
    }

    function test_aClaimIsShownAsItWasSigned() public {
        begin(claimOf("job", STEPS));
        playTo(IDisputeGame.Phase.OpenStep);
        IDisputeGame.Claim memory other = claim;
        other.programRoot = 0;
        bytes memory call = abi.encodeCall(disputes.openStep, (id, at, other, stepOpening(STEPS)));
        refusedMove(asserter, call, code(IDisputeGame.BadClaim.selector));
    }

    function test_refusesATensorWithoutElements() public {
        afterSize = 0;
        begin(claimOf("job", 1));
        playTo(IDisputeGame.Phase.OpenTensor);
        refused(abi.encodeWithSelector(IDisputeGame.EmptyTensor.selector, uint256(AFTER)));
    }

    function refusedTensor(IDisputeGame.TensorOpening memory o, bytes memory reason) private {
        refusedMove(asserter, abi.encodeCall(disputes.openTensor, (id, at, claim, o)), reason);
    }

    function test_refusesProofsOfOtherTensors() public {
        begin(claimOf("job", 1));
        playTo(IDisputeGame.Phase.OpenTensor);
        refusedTensor(tensorOpening(LOSS), code(IDisputeGame.WrongHash.selector));
        IDisputeGame.TensorOpening memory o = tensorOpening(AFTER);
        o.entry = entryOf_(LOSS);
        refusedTensor(o, code(IDisputeGame.WrongProof.selector));
        o = tensorOpening(AFTER);
        o.top = keccak256("another tensor");
        refusedTensor(o, code(IDisputeGame.WrongProof.selector));
        o = tensorOpening(AFTER);
        o.path[0] = 0;
        refusedTensor(o, code(IDisputeGame.WrongProof.selector));
        o = tensorOpening(AFTER);
        o.programPath = new bytes32[](1);
        refusedTensor(o, code(MerklePaths.BadPath.selector));
        o.total = uint64(AFTER);
        refusedTensor(o, code(MerklePaths.BadPath.selector));
    }

    function test_nodesHaveTheirChildren() public {
        begin(claimOf("job", 1));
        playTo(IDisputeGame.Phase.OpenNode);
        bytes32[] memory children = new bytes32[](3);
        refusedMove(
            asserter,
            abi.encodeCall(disputes.openNode, (id, at, children)),
            abi.encodeWithSelector(IDisputeGame.WrongCount.selector, uint256(3), uint256(2))
        );
        bytes memory wrongHash = code(IDisputeGame.WrongHash.selector);
        children = new bytes32[](2);
        refusedMove(asserter, abi.encodeCall(disputes.openNode, (id, at, children)), wrongHash);
        make();
        refusedMove(challenger, abi.encodeCall(disputes.pickNode, (id, at, children, 0)), wrongHash);
        refusedMove(
            challenger,
            abi.encodeCall(disputes.pickNode, (id, at, childrenOf(), 2)),
            abi.encodeWithSelector(IDisputeGame.OutOfRange.selector, uint256(2), uint256(2))
        );
        // The first node has four leaves; the second rises from one.
        bytes32[] memory known = childrenOf();
        vm.prank(challenger);
        disputes.pickNode(id, at, known, 0);
        at.node = known[0];
        at.height = 1;
        at.phase = IDisputeGame.Phase.OpenNode;
        refusedMove(
            asserter,
            abi.encodeCall(disputes.openNode, (id, at, children)),
            abi.encodeWithSelector(IDisputeGame.WrongCount.selector, uint256(2), uint256(4))
        );
    }

    function test_leavesAndElementsAreThose() public {
        begin(claimOf("job", 1));
        playTo(IDisputeGame.Phase.OpenLeaf);
        bytes memory wrongHash = code(IDisputeGame.WrongHash.selector);
        refusedMove(asserter, abi.encodeCall(disputes.openLeaf, (id, at, hex"00")), wrongHash);
        make();
        refusedMove(challenger, abi.encodeCall(disputes.pickElement, (id, at, hex"00", 0)), wrongHash);
        refusedMove(
            challenger,
            abi.encodeCall(disputes.pickElement, (id, at, wordsOfAfter(), 3)),
            abi.encodeWithSelector(IDisputeGame.OutOfRange.selector, uint256(3), uint256(3))
        );
        make();
        IDisputeGame.ElementOpening memory o = elementOpening(at.place);
        o.result.registers += 1;
        refusedMove(asserter, abi.encodeCall(disputes.openElement, (id, at, claim, o)), wrongHash);
        o = elementOpening(at.place);
        o.entry = entryOf_(LOSS);
        refusedMove(
            asserter,
            abi.encodeCall(disputes.openElement, (id, at, claim, o)),
            code(IDisputeGame.WrongProof.selector)
        );
    }

    function test_aLeafOfAnotherLengthIsNone() public {
        // The claimed top is that of a shorter string than the program says.
        afterSize = 512;
        begin(claimOf("job", 1));
        playTo(IDisputeGame.Phase.OpenTensor);
        IDisputeGame.TensorOpening memory o = tensorOpening(AFTER);
        vm.prank(asserter);
        disputes.openTensor(id, at, claim, o);
        at.prefix = o.claims[0];
        at.entry = uint64(AFTER);
        at.sizeBytes = 2048;
        at.node = o.top;
        at.phase = IDisputeGame.Phase.OpenLeaf;
        bytes memory words = abi.encodePacked(nodesOfAfter());
        refusedMove(
            asserter,
            abi.encodeCall(disputes.openLeaf, (id, at, words)),
            abi.encodeWithSelector(IDisputeGame.WrongCount.selector, uint256(64), uint256(2048))
        );
    }

    function refusedSlice(IDisputeGame.Slice memory slice, bytes memory reason) private {
        refusedMove(asserter, abi.encodeCall(disputes.prove, (id, at, claim, slice)), reason);
    }

    function test_slicesAreShortAndOfTheTensor() public {
        begin(claimOf("job", 1));
        playTo(IDisputeGame.Phase.SplitSlice);
        refusedSlice(sliceOf(at), abi.encodeWithSelector(IDisputeGame.SliceTooLong.selector, TERMS));
        make();
        make();
        refusedMove(
            challenger,
            proveCall(),
            abi.encodeWithSelector(IDisputeGame.NotYourTurn.selector, challenger)
        );
        bytes memory wrongProof = code(IDisputeGame.WrongProof.selector);
        IDisputeGame.Slice memory slice = sliceOf(at);
        slice.before.lanes += 1;
        refusedSlice(slice, code(IDisputeGame.WrongHash.selector));
        slice = sliceOf(at);
        slice.result = 0;
        refusedSlice(slice, code(IDisputeGame.WrongHash.selector));
        slice = sliceOf(at);
        slice.entry = entryOf_(LOSS);
        refusedSlice(slice, wrongProof);
        slice = sliceOf(at);
        slice.openings[0].root = tensorRoots()[1];
        refusedSlice(slice, wrongProof);
        slice = sliceOf(at);
        slice.openings[0].words = hex"01020305";
        refusedSlice(slice, wrongProof);
        slice = sliceOf(at);
        slice.openings[0].words = hex"0102030405";
        refusedSlice(slice, code(MerklePaths.BadPath.selector));
        slice = sliceOf(at);
        slice.openings[0].path = new bytes32[](1);
        refusedSlice(slice, code(MerklePaths.BadPath.selector));
        IDisputeGame.Claim memory other = claim;
        other.round = 1;
        refusedMove(
            asserter,
            abi.encodeCall(disputes.prove, (id, at, other, sliceOf(at))),
            code(IDisputeGame.BadClaim.selector)
        );
    }

    function test_balances() public {
        vm.startPrank(challenger);
        vm.expectRevert(IDisputeGame.BadAmount.selector);
        disputes.deposit(0);
        vm.expectRevert(IDisputeGame.BadAmount.selector);
        disputes.deposit(uint256(type(uint96).max) + 1);
        vm.expectRevert(IDisputeGame.BadAmount.selector);
        disputes.thaw(0);
        vm.expectRevert(abi.encodeWithSelector(IDisputeGame.BalanceTooLow.selector, challenger));
        disputes.thaw(100 ether + 1);
        vm.expectRevert(IDisputeGame.NothingThawing.selector);
        disputes.withdraw();
        disputes.thaw(95 ether);
        uint256 readyAt = block.timestamp + 7 days;
        vm.expectRevert(abi.encodeWithSelector(IDisputeGame.StillThawing.selector, readyAt));
        disputes.withdraw();
        vm.stopPrank();
        // What thaws is still within reach of a bond.
        openAs(challenger, claimOf("job", STEPS));
        (uint256 freeWei, uint256 thawingWei) = disputes.balanceOf(challenger);
        eq(freeWei, 0, "free first");
        eq(thawingWei, 90 ether, "then what thaws");
        pass(7 days);
        vm.prank(challenger);
        eq(disputes.withdraw(), 90 ether, "withdrawn");
        eq(token.balanceOf(challenger), 90 ether, "received");
        disputes.expire(idOf(claimOf_("job")), startOf(claimOf_("job")), claimOf_("job"));
        uint256 supply = token.totalSupply();
        eq(disputes.flushBurned(), 5 ether, "half a bond");
        eq(supply - token.totalSupply(), 5 ether, "destroyed");
    }

    /// @dev The claim of `test_balances`, signed a week ago.
    function claimOf_(bytes32 jobId) private view returns (IDisputeGame.Claim memory claim_) {
        claim_ = claimOf(jobId, STEPS);
        claim_.validUntil -= 7 days;
    }

    function test_heldStakeIsNotWithdrawn() public {
        vm.prank(workers[0]);
        staking.unstake(STAKE);
        pass(7 days);
        begin(claimOf("job", STEPS));
        expectFailAt(
            address(staking),
            workers[0],
            abi.encodeCall(staking.withdrawThawed, ()),
            code(IStaking.StillHeld.selector)
        );
        pass(CLOCK_SECONDS + 1);
        disputes.expire(id, at, claim);
        expectFailAt(
            address(staking),
            workers[0],
            abi.encodeCall(staking.withdrawThawed, ()),
            code(IStaking.StillHeld.selector)
        );
        pass(1 days);
        vm.prank(workers[0]);
        eq(staking.withdrawThawed(), STAKE, "withdrawn when nobody came");
    }

    function test_anOperatorsWordStaysItsOwners() public {
        address key = asserter;
        IDisputeGame.Claim memory claim_ = claimOf("job", STEPS);
        bytes memory signature = signClaim(claim_);
        operatorKey[workers[0]] = 0x777;
        register(workers[0], 1);
        vm.prank(challenger);
        disputes.open(claim_, signature);
        ok(disputes.isHeld(workers[0]), "though the key works for nobody now");
        eq(registry.holderOf(key), registry.idOf(workers[0]), "bound for good");
    }
}
