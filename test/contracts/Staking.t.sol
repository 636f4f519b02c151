// SPDX-License-Identifier: MIT
pragma solidity ^0.8.28;

import {IStaking} from "../../contracts/interfaces/IStaking.sol";
import {Gwei} from "../../contracts/libraries/Gwei.sol";
import {Posting} from "../../contracts/libraries/Posting.sol";
import {World} from "./World.sol";

contract StakingTest is World {
    address private owner;

    function setUp() public {
        setUpMarket(1, 1);
        owner = workers[0];
    }

    function test_stakeMovesTokensIn() public {
        give(stranger, 5 ether);
        vm.expectEmit(true, true, true, true);
        emit IStaking.Staked(stranger, 5 ether);
        vm.prank(stranger);
        staking.stake(5 ether);
        eq(activeOf(stranger), 5 ether, "active");
        eq(token.balanceOf(stranger), 0, "tokens");
    }

    function test_amountsAreWholeGwei() public {
        refused(
            owner,
            abi.encodeCall(staking.stake, (0)),
            abi.encodeWithSelector(IStaking.BadAmount.selector, 0)
        );
        bytes memory reason = abi.encodeWithSelector(Gwei.NotWholeGwei.selector, uint256(1e9 + 1));
        refused(owner, abi.encodeCall(staking.stake, (1e9 + 1)), reason);
        refused(owner, abi.encodeCall(staking.unstake, (1e9 + 1)), reason);
        refused(owner, abi.encodeCall(staking.depositCredit, (owner, 1e9 + 1)), reason);
        refused(owner, abi.encodeCall(staking.withdrawTo, (owner, 1e9 + 1)), reason);
        reason = abi.encodeWithSelector(Gwei.NotWholeGwei.selector, uint256(1e9) << 64);
        refused(owner, abi.encodeCall(staking.stake, (uint256(1e9) << 64)), reason);
    }

    function test_unstakeThawsForAWeek() public {
        vm.prank(owner);
        staking.unstake(400 ether);
        eq(activeOf(owner), 600 ether, "active");
        eq(staking.thawOf(owner).amountGwei, 400e9, "thawing");
        uint256 readyAt = block.timestamp + 7 days;
        bytes memory reason = abi.encodeWithSelector(IStaking.StillThawing.selector, readyAt);
        refused(owner, abi.encodeCall(staking.withdrawThawed, ()), reason);
        pass(7 days - 1);
        refused(owner, abi.encodeCall(staking.withdrawThawed, ()), reason);
        pass(1);
        vm.prank(owner);
        staking.withdrawThawed();
        eq(token.balanceOf(owner), 400 ether, "paid");
        bytes memory none = abi.encodeWithSelector(IStaking.NothingThawing.selector);
        refused(owner, abi.encodeCall(staking.withdrawThawed, ()), none);
    }

    function test_asecondUnstakeAddsAndRestarts() public {
        vm.prank(owner);
        staking.unstake(100 ether);
        pass(6 days);
        vm.prank(owner);
        staking.unstake(100 ether);
        eq(staking.thawOf(owner).amountGwei, 200e9, "both");
        eq(staking.thawOf(owner).readyAt, block.timestamp + 7 days, "from now");
    }

    function test_lockedStakeStays() public {
        lockOne(300e9);
        bytes memory reason = abi.encodeWithSelector(IStaking.StakeTooLow.selector, owner);
        refused(owner, abi.encodeCall(staking.unstake, (700 ether + 1e9)), reason);
        vm.prank(owner);
        staking.unstake(700 ether);
        pass(7 days);
        bytes memory locked = abi.encodeWithSelector(IStaking.StillLocked.selector, uint256(300 ether));
        refused(owner, abi.encodeCall(staking.withdrawThawed, ()), locked);
    }

    function test_slashTakesActiveThenThawingThenEarnings() public {
        fund(owner, 50 ether);
        vm.prank(owner);
        staking.unstake(600 ether); // 400 active, 600 thawing, 50 earnings
        eq(slashOne(100e9), 100e9, "from active");
        eq(activeOf(owner), 300 ether, "active");
        eq(slashOne(350e9), 350e9, "and from thawing");
        eq(activeOf(owner), 0, "no active left");
        eq(staking.thawOf(owner).amountGwei, 550e9, "thawing");
        eq(slashOne(570e9), 570e9, "and from earnings");
        eq(staking.thawOf(owner).amountGwei, 0, "no thawing left");
        eq(earningsOf(owner), 30 ether, "earnings");
        eq(slashOne(1000e9), 30e9, "no more than there is");
        (uint256 escrowWei, ) = staking.held();
        eq(escrowWei, 1050 ether, "all of it waits in escrow");
    }

    function test_slashNeverLeavesTheLockAboveTheStake() public {
        lockOne(900e9);
        slashOne(500e9);
        eq(activeOf(owner), 500 ether, "active");
        eq(lockedOf(owner), 500 ether, "lock is cut");
    }

    function test_lockAnswersWhoHadEnough() public {
        uint256[] memory accounts = new uint256[](3);
        accounts[0] = uint160(owner);
        accounts[1] = uint160(stranger);
        accounts[2] = uint160(evaluators[0]) | (7 << 160); // higher bits have no meaning here
        vm.prank(address(jobs));
        eq(staking.lock(accounts, 1000e9), 5, "first and third");
        vm.prank(address(jobs));
        eq(staking.lock(accounts, 1), 0, "nothing free");
    }

    function test_settleCannotPayMoreThanEscrow() public {
        uint256[] memory postings = new uint256[](1);
        postings[0] = Posting.pack(owner, 6, 0, 0);
        vm.prank(client);
        staking.withdrawTo(client, CREDIT - 10e9);
        uint64 version = pool.slateVersion();
        vm.prank(address(jobs));
        staking.escrow(client, 10, version, 1);
        bytes memory reason = abi.encodeWithSelector(IStaking.EscrowTooLow.selector);
        refused(address(jobs), abi.encodeCall(staking.settle, (postings, 0, 5, true)), reason);
        vm.prank(address(jobs));
        staking.settle(postings, 0, 4, true);
        eq(earningsOf(owner), 6e9, "credited");
        (uint256 escrowWei, uint256 burnedWei) = staking.held();
        eq(escrowWei, 0, "escrow");
        eq(burnedWei, 4e9, "burned");
        uint256 supply = token.totalSupply();
        eq(staking.flushBurned(), 4e9, "flushed");
        eq(supply - token.totalSupply(), 4e9, "destroyed");
        eq(staking.flushBurned(), 0, "once");
    }

    function test_earningsCanBeStakedSentAndWithdrawn() public {
        fund(owner, 30 ether);
        vm.prank(owner);
        staking.stakeEarnings(10 ether);
        eq(activeOf(owner), 1010 ether, "staked");
        vm.prank(owner);
        staking.withdrawTo(stranger, 5 ether);
        eq(token.balanceOf(stranger), 5 ether, "sent");
        vm.prank(owner);
        eq(staking.withdraw(), 15 ether, "the rest");
        bytes memory reason = abi.encodeWithSelector(IStaking.EarningsTooLow.selector, owner);
        refused(owner, abi.encodeCall(staking.withdrawTo, (owner, 1e9)), reason);
        refused(owner, abi.encodeCall(staking.stakeEarnings, (1e9)), reason);
    }

    function test_depositsByPermit() public {
        (address signer, uint256 key) = (vm.addr(5), 5);
        vm.deal(signer, 8 ether);
        vm.prank(signer);
        token.deposit{value: 8 ether}();
        bytes32 structHash = keccak256(
            abi.encode(
                keccak256(
                    "Permit(address owner,address spender,uint256 value,uint256 nonce,uint256 deadline)"
                ),
                signer,
                address(staking),
                8 ether,
                0,
                block.timestamp
            )
        );
        (uint8 v, bytes32 r, bytes32 s) = vm.sign(key, typedHash(address(token), structHash));
        token.permit(signer, address(staking), 8 ether, block.timestamp, v, r, s); // somebody was faster
        vm.prank(signer);
        staking.depositCreditWithPermit(8 ether, block.timestamp, v, r, s);
        eq(earningsOf(signer), 8 ether, "credited");
    }

    function test_depositsByAuthorization() public {
        address signer = vm.addr(5);
        vm.deal(signer, 8 ether);
        vm.prank(signer);
        token.deposit{value: 8 ether}();
        bytes32 nonce = keccak256("random nonce");
        bytes32 structHash = keccak256(
            abi.encode(
                keccak256(
                    "ReceiveWithAuthorization(address from,address to,uint256 value,uint256 validAfter,uint256 validBefore,bytes32 nonce)"
                ),
                signer,
                address(staking),
                8 ether,
                0,
                block.timestamp + 1,
                nonce
            )
        );
        bytes memory signature = signatureOf(5, typedHash(address(token), structHash));
        vm.prank(stranger);
        staking.depositCreditWithAuthorization(signer, 8 ether, 0, block.timestamp + 1, nonce, signature);
        eq(earningsOf(signer), 8 ether, "credited to the signer");
        eq(token.balanceOf(signer), 0, "taken");
    }

    function test_onlyTheJobManagerAndThePool() public {
        bytes memory reason = abi.encodeWithSelector(IStaking.NotJobManager.selector);
        refused(stranger, abi.encodeCall(staking.escrow, (client, 1, 1, 1)), reason);
        refused(stranger, abi.encodeCall(staking.lock, (new uint256[](1), 1)), reason);
        refused(stranger, abi.encodeCall(staking.settle, (new uint256[](0), 0, 0, false)), reason);
        refused(stranger, abi.encodeCall(staking.slash, (owner, 1, 0, 3)), reason);
        reason = abi.encodeWithSelector(IStaking.NotPool.selector);
        refused(stranger, abi.encodeCall(staking.setSlate, (9, 9)), reason);
        refused(stranger, abi.encodeCall(staking.setPooled, (owner, true)), reason);
    }

    function test_votesAreActiveStakeAtTheTime() public {
        pass(10);
        uint256 before = block.timestamp - 1;
        eq(staking.getPastVotes(owner, before), 1000 ether, "staked");
        vm.prank(owner);
        staking.unstake(400 ether);
        pass(10);
        eq(staking.getPastVotes(owner, block.timestamp - 1), 600 ether, "thawing has none");
        eq(staking.getPastVotes(owner, before), 1000 ether, "the past stays");
        eq(staking.getPastVotes(owner, block.timestamp), 0, "the present has none yet");
    }

    function test_reputationCountsAndFades() public {
        noted(1, 3);
        IStaking.Reputation memory reputation = staking.reputationOf(owner);
        eq(reputation.completed, 3, "completed");
        eq(uint16(reputation.score), 30, "+10 each");
        noted(2, 1);
        noted(3, 1);
        reputation = registry.reputationOf(owner);
        eq(reputation.timeouts, 1, "timeout");
        eq(reputation.invalids, 1, "invalid");
        ok(reputation.score == -40, "-20 and -50");
        pass(52 weeks);
        ok(staking.reputationOf(owner).score == -40, "a bad name does not fade");
        noted(1, 24);
        eq(uint16(staking.reputationOf(owner).score), 200, "earned back");
        pass(10 weeks);
        eq(uint16(staking.reputationOf(owner).score), 180, "1 % a week");
        pass(200 weeks);
        eq(uint16(staking.reputationOf(owner).score), 0, "down to zero");
        noted(3, 40);
        ok(staking.reputationOf(owner).score == -1000, "floor");
    }

    function noted(uint8 fact, uint256 times) private {
        uint256[] memory postings = new uint256[](1);
        postings[0] = Posting.pack(owner, 0, fact, 0);
        for (uint256 i; i < times; ++i) {
            vm.prank(address(jobs));
            staking.settle(postings, 0, 0, false);
        }
    }

    function lockOne(uint64 amountGwei) private {
        uint256[] memory accounts = new uint256[](1);
        accounts[0] = uint160(owner);
        vm.prank(address(jobs));
        staking.lock(accounts, amountGwei);
    }

    function slashOne(uint64 amountGwei) private returns (uint64) {
        vm.prank(address(jobs));
        return staking.slash(owner, amountGwei, 0, 3);
    }

    function refused(address sender, bytes memory call, bytes memory reason) private {
        expectFailAt(address(staking), sender, call, reason);
    }
}
