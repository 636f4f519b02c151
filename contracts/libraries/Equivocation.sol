// SPDX-License-Identifier: MIT
pragma solidity ^0.8.28;

import {IValidatorSet} from "../interfaces/IValidatorSet.sol";

/// @title Pure rules of what no honest validator signs both; the same as `chain/core/consensus/evidence.ts`.
library Equivocation {
    uint8 internal constant PROPOSAL = 0;
    uint8 internal constant NOTARIZE = 1;
    uint8 internal constant NULLIFY = 2;
    uint8 internal constant FINALIZE = 3;

    /// @notice Whether one key must not sign both: two blocks proposed, notarized or finalized in a view, or a view both
    /// nullified and finalized.
    function isConflict(
        IValidatorSet.Statement calldata a,
        IValidatorSet.Statement calldata b
    ) internal pure returns (bool) {
        if (a.epoch != b.epoch || a.consensusView != b.consensusView) return false;
        if (a.kind > FINALIZE || b.kind > FINALIZE) return false;
        if (a.kind == PROPOSAL && b.kind == PROPOSAL) {
            return a.root != b.root || a.parentView != b.parentView;
        }
        if (a.kind == PROPOSAL || b.kind == PROPOSAL) return false;
        if (a.kind == b.kind) return a.kind != NULLIFY && a.root != b.root;
        return a.kind != NOTARIZE && b.kind != NOTARIZE;
    }

    /// @notice The signed bytes: "quern/consensus/1" | chainId | kind | epoch | view, then parentView | root of a proposal,
    /// root of a notarize or finalize vote.
    function signingBytes(IValidatorSet.Statement calldata s) internal view returns (bytes memory) {
        bytes memory head = abi.encodePacked(
            "quern/consensus/1",
            uint64(block.chainid),
            s.kind,
            s.epoch,
            s.consensusView
        );
        if (s.kind == NULLIFY) return head;
        if (s.kind == PROPOSAL) return abi.encodePacked(head, s.parentView, s.root);
        return abi.encodePacked(head, s.root);
    }
}
