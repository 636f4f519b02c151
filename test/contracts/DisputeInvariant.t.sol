// SPDX-License-Identifier: MIT
pragma solidity ^0.8.28;

import {IDisputeGame} from "../../contracts/interfaces/IDisputeGame.sol";
import {IJobTypes} from "../../contracts/interfaces/IJobTypes.sol";
import {IStaking} from "../../contracts/interfaces/IStaking.sol";
import {DisputePlay} from "./DisputePlay.sol";
import {PlainTerms} from "./PlainTerms.sol";
import {TestBase} from "./TestBase.sol";

/// @dev Several disputes about claims of one worker, right and wrong ones, whose players move, lie, repeat themselves and
/// fall silent at random, while balances come and go.
contract DisputeHandler is DisputePlay {
    uint256 private constant GAMES = 3;

    struct Game {
        bool isOpen;
        bytes32 id;
        IDisputeGame.Claim claim;
        IDisputeGame.Position at;
        uint256 element;
        uint256 termsPart;
        bytes lastCall;
    }

    Game[GAMES] private _games;
    PlainTerms private _terms;
    bytes32 private _jobId;
    uint32 private _round;
    uint256[15] public reached;
    uint256 public slashes;

    constructor() {
        setUpMarket(3, 4);
        setUpDisputes();
        values[2] ^= 1; // an element that is a lie; the others are right
        _terms = openAndSubmit();
        _jobId = jobs.jobIdOf(_terms.pack());
        IJobTypes.Verdict memory verdict = cleanVerdict(_terms);
        attest(_terms, verdict);
        jobs.distributePayment(_terms.pack(), verdict);
    }

    function open_(uint256 place, uint256 dice) external {
        Game storage game = _games[place % GAMES];
        if (game.isOpen) return;
        IDisputeGame.Claim memory claim_ = claimOf(dice % 2 == 0 ? _jobId : bytes32(dice), STEPS);
        claim_.round = _round++;
        bytes memory call = abi.encodeCall(disputes.open, (claim_, signClaim(claim_)));
        if (!_try(dice % 5 == 0 ? stranger : challenger, call)) return;
        game.isOpen = true;
        game.id = idOf(claim_);
        game.claim = claim_;
        game.at = startOf(claim_);
        game.element = dice % 3;
        game.termsPart = game.element == 2 ? 31 : dice % 32;
    }

    /// @dev Mostly the usual move; sometimes somebody else makes it, or the one before once more.
    function move(uint256 place, uint256 dice) external {
        Game storage game = _games[place % GAMES];
        if (!game.isOpen) return;
        _load(game);
        (address by, bytes memory call, IDisputeGame.Position memory next) = moveOf();
        if (dice % 16 == 0) {
            ok(!_try(by == asserter ? challenger : asserter, call), "nobody moves for another");
        } else if (dice % 16 == 1 && game.lastCall.length != 0) {
            ok(!_try(by == asserter ? challenger : asserter, game.lastCall), "no move is made twice");
        } else if (_try(by, call)) {
            ++reached[uint256(next.phase)];
            game.at = next;
            game.lastCall = call;
        }
    }

    function prove_(uint256 place) external {
        Game storage game = _games[place % GAMES];
        if (!game.isOpen || game.at.phase != IDisputeGame.Phase.SplitSlice) return;
        _load(game);
        bool hasLie = game.element == 2 && game.at.high == TERMS;
        if (_try(asserter, proveCall())) {
            ok(!hasLie, "no lie is proven");
            game.isOpen = false;
            ++reached[uint256(IDisputeGame.Phase.Over)];
        }
    }

    function refute_(uint256 place) external {
        Game storage game = _games[place % GAMES];
        if (!game.isOpen || game.at.phase != IDisputeGame.Phase.SplitSlice) return;
        _load(game);
        if (_try(stranger, refuteCall())) {
            ok(game.element == 2, "nothing right is refuted");
            _lost(game);
        }
    }

    function expire_(uint256 place, uint256 seconds_) external {
        Game storage game = _games[place % GAMES];
        if (!game.isOpen) return;
        pass(seconds_ % (CLOCK_SECONDS / 2));
        _load(game);
        if (!_try(stranger, abi.encodeCall(disputes.expire, (id, at, claim)))) return;
        (, , address reporter) = disputes.lossOf(claim);
        game.isOpen = false;
        if (reporter != address(0)) _lost(game);
    }

    function balance(uint256 who, uint256 dice) external {
        address[3] memory all = [asserter, challenger, stranger];
        address account = all[who % 3];
        uint256 amountWei = (dice >> 8) % 40 ether;
        if (dice % 4 == 0) deposit(account, amountWei + 1);
        else if (dice % 4 == 1) _try(account, abi.encodeCall(disputes.thaw, (amountWei)));
        else if (dice % 4 == 2) _try(account, abi.encodeCall(disputes.withdraw, ()));
        else _try(account, abi.encodeCall(disputes.flushBurned, ()));
    }

    function wait_(uint256 dice) external {
        pass(dice % 8 == 0 ? 7 days : dice % 100);
    }

    /// @dev Stake that leaves must not be gone before a dispute about it is over.
    function leave(uint256 dice) external {
        bool isHeld = disputes.isHeld(workers[0]);
        vm.prank(workers[0]);
        if (dice % 2 == 0) {
            try staking.unstake(1 ether) {} catch {}
        } else {
            try staking.withdrawThawed() {
                ok(!isHeld, "held stake stays");
            } catch {}
        }
    }

    function openCount() external view returns (uint256 count) {
        for (uint256 i; i < GAMES; ++i) if (_games[i].isOpen) ++count;
    }

    /// @dev TRAIN that the game holds beside balances and what it will burn: bonds.
    function bondsWei() external view returns (uint256) {
        address[5] memory all = [asserter, challenger, second, stranger, client];
        uint256 known = disputes.burnedWei();
        for (uint256 i; i < all.length; ++i) {
            (uint256 freeWei, uint256 thawingWei) = disputes.balanceOf(all[i]);
            known += freeWei + thawingWei;
        }
        return token.balanceOf(address(disputes)) - known;
    }

    function isHeld() external view returns (bool) {
        return disputes.isHeld(workers[0]);
    }

    /// @dev What staking owes to everybody, and the TRAIN that it has.
    function stakes() external view returns (uint256 owedWei, uint256 hasWei) {
        (uint256 escrowWei, uint256 burnedWei) = staking.held();
        owedWei = escrowWei + burnedWei + _owed(client) + _owed(challenger) + _owed(stranger);
        for (uint256 i; i < workers.length; ++i) owedWei += _owed(workers[i]);
        for (uint256 i; i < evaluators.length; ++i) owedWei += _owed(evaluators[i]);
        hasWei = token.balanceOf(address(staking));
    }

    function _owed(address account) private view returns (uint256) {
        IStaking.Account memory it = staking.accountOf(account);
        uint256 gwei_ = uint256(it.activeGwei) + it.earningsGwei + staking.thawOf(account).amountGwei;
        return gwei_ * 1e9;
    }

    function _lost(Game storage game) private {
        game.isOpen = false;
        ++reached[uint256(IDisputeGame.Phase.Over)];
        bool isOfJob = game.claim.jobId == _jobId;
        vm.prank(stranger);
        try jobs.slashClaim(_terms.pack(), game.claim) {
            ok(isOfJob && ++slashes == 1, "stake is taken once in a job");
        } catch {}
    }

    function _load(Game storage game) private {
        id = game.id;
        claim = game.claim;
        at = game.at;
        element = game.element;
        termsPart = game.termsPart;
    }

    function _try(address sender, bytes memory call) private returns (bool success) {
        vm.prank(sender);
        (success, ) = address(disputes).call(call);
    }
}

abstract contract Disputes is TestBase {
    DisputeHandler internal handler;

    function checkMoney() internal view {
        uint256 open = handler.openCount();
        uint256 bonds = handler.bondsWei() / 10 ether;
        eq(handler.bondsWei(), bonds * 10 ether, "nothing but bonds is held");
        ok(bonds >= open && bonds <= 8 * open, "one to four bonds of each side");
        ok(open == 0 || handler.isHeld(), "stake is held as long as a dispute is open");
        (uint256 owedWei, uint256 hasWei) = handler.stakes();
        eq(owedWei, hasWei, "staking has what it owes");
    }
}

contract DisputeInvariant is Disputes {
    function setUp() public {
        handler = new DisputeHandler();
        targetContract(address(handler));
        bytes4[] memory selectors = new bytes4[](8);
        selectors[0] = handler.open_.selector;
        selectors[1] = handler.move.selector;
        selectors[2] = handler.prove_.selector;
        selectors[3] = handler.refute_.selector;
        selectors[4] = handler.expire_.selector;
        selectors[5] = handler.balance.selector;
        selectors[6] = handler.wait_.selector;
        selectors[7] = handler.leave.selector;
        targetSelector(FuzzSelector(address(handler), selectors));
    }

    function invariant_moneyIsConserved() public view {
        checkMoney();
    }
}

contract DisputeWalkTest is Disputes {
    function setUp() public {
        handler = new DisputeHandler();
    }

    /// @dev Mostly moves, so that games are played to their ends.
    function test_theWalkReachesEveryPhase() public {
        for (uint256 i; i < 420; ++i) {
            uint256 dice = uint256(keccak256(abi.encode("walk", i)));
            uint256 what = (dice >> 240) % 16;
            if (what == 0) handler.balance(dice >> 8, dice >> 16);
            else if (what == 1) handler.expire_(dice, dice >> 32);
            else if (what == 2) handler.leave(dice);
            else if (what == 3 && dice % 8 != 0) handler.wait_(dice);
            else if (what == 4) handler.refute_(dice);
            else if (what == 5) handler.prove_(dice);
            else if (what < 8) handler.open_(dice, dice >> 64);
            else handler.move(dice, dice >> 8);
            checkMoney();
        }
        for (uint256 phase = 2; phase < 15; ++phase) {
            ok(handler.reached(phase) != 0, "a phase was never reached");
        }
        ok(handler.slashes() != 0, "stake was taken");
    }
}
