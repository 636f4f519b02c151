// SPDX-License-Identifier: MIT
pragma solidity ^0.8.28;

import {IDisputeGame} from "../../contracts/interfaces/IDisputeGame.sol";
import {World} from "./World.sol";

/// @dev Claims that a worker's operator signs, and loses by silence.
abstract contract ClaimWorld is World {
    address internal reporter = address(0xCAFE);

    function claimBy(
        address worker,
        bytes32 jobId,
        uint32 round
    ) internal view returns (IDisputeGame.Claim memory claim) {
        claim.jobId = jobId;
        claim.round = round;
        claim.asserter = operatorOf(worker);
        claim.client = client;
        claim.steps = 2;
        claim.startLeaf = "start";
        claim.endLeaf = "end";
        claim.validUntil = uint64(block.timestamp + 1 days);
    }

    function disputeClaim(
        IDisputeGame.Claim memory claim,
        address worker
    ) internal returns (bytes32 id, IDisputeGame.Position memory position) {
        vm.deal(reporter, BOND);
        vm.startPrank(reporter);
        token.deposit{value: BOND}();
        token.approve(address(disputes), BOND);
        disputes.deposit(BOND);
        bytes32 kind = keccak256(
            "Claim(bytes32 jobId,uint32 attempt,uint32 segment,uint32 round,address asserter,address client,uint64 steps,bytes32 startLeaf,bytes32 endLeaf,bytes32 programRoot,bytes32 batchRoot,uint64 validUntil)"
        );
        id = keccak256(abi.encode(kind, claim));
        bytes memory signature = signatureOf(operatorKey[worker], typedHash(address(disputes), id));
        eq(disputes.open(claim, signature), id, "id of the claim");
        vm.stopPrank();
        position.phase = IDisputeGame.Phase.SplitSteps;
        position.high = claim.steps;
        position.claims = keccak256(abi.encodePacked(claim.startLeaf, claim.endLeaf));
    }

    function lose(
        address worker,
        bytes32 jobId,
        uint32 round
    ) internal returns (IDisputeGame.Claim memory claim) {
        claim = claimBy(worker, jobId, round);
        (bytes32 id, IDisputeGame.Position memory position) = disputeClaim(claim, worker);
        uint256 start = block.timestamp;
        uint256 height = block.number;
        pass(CLOCK_SECONDS + 1);
        disputes.expire(id, position, claim);
        // Jobs of these tests have short windows; the dispute takes none of them.
        vm.warp(start);
        vm.roll(height);
    }
}
