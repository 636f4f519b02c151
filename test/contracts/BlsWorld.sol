// SPDX-License-Identifier: MIT
pragma solidity ^0.8.28;

import {ValidatorSet} from "../../contracts/ValidatorSet.sol";
import {Equivocation} from "../../contracts/libraries/Equivocation.sol";
import {IValidatorSet} from "../../contracts/interfaces/IValidatorSet.sol";
import {Bls} from "../../contracts/libraries/Bls.sol";
import {TestBase} from "./TestBase.sol";

/// @dev BLS keys that sign here, with the multiplications of EIP-2537.
abstract contract BlsWorld is TestBase {
    address private constant G1_MSM = address(0x0c);
    address private constant G2_ADD = address(0x0d);
    address private constant G2_MSM = address(0x0e);
    bytes private constant G1 =
        hex"0000000000000000000000000000000017f1d3a73197d7942695638c4fa9ac0fc3688c4f9774b905a14e3a3f171bac586c55e83ff97a1aeffb3af00adb22c6bb0000000000000000000000000000000008b3f481e3aaa0f1a09e30ed741d8ae4fcf5e095d5d00af600db18cb2c04b3edd03cc744a2888ae40caa232946c5e7e1";

    function blsKey(uint256 secret) internal view returns (bytes memory) {
        return precompiled(G1_MSM, bytes.concat(G1, bytes32(secret)));
    }

    function blsSign(uint256 secret, bytes memory message) internal view returns (bytes memory) {
        return precompiled(G2_MSM, bytes.concat(Bls.hashToG2(message), bytes32(secret)));
    }

    function blsSum(bytes memory a, bytes memory b) internal view returns (bytes memory) {
        return precompiled(G2_ADD, bytes.concat(a, b));
    }

    function seatProof(uint256 secret, address owner) internal view returns (bytes memory) {
        (bytes32 high, bytes16 low) = Bls.compress(blsKey(secret));
        return blsSign(secret, abi.encodePacked("quern/seat/1", uint64(block.chainid), owner, high, low));
    }

    function takeSeat(
        ValidatorSet set,
        address owner,
        bool votes,
        uint256 stakeWei
    ) internal returns (uint256) {
        uint256 secret = secretOf(owner);
        (bytes memory key, bytes memory proof) = (blsKey(secret), seatProof(secret, owner));
        vm.deal(owner, stakeWei);
        vm.prank(owner);
        return set.join{value: stakeWei}(votes, key, proof, "peer");
    }

    function secretOf(address owner) internal pure returns (uint256) {
        return uint256(keccak256(abi.encode("bls", owner))) >> 8;
    }

    /// @dev Both signatures of a seat's key in one.
    function bothSigned(
        uint256 secret,
        IValidatorSet.Statement calldata a,
        IValidatorSet.Statement calldata b
    ) external view returns (bytes memory) {
        return
            blsSum(
                blsSign(secret, Equivocation.signingBytes(a)),
                blsSign(secret, Equivocation.signingBytes(b))
            );
    }

    function isConflict(
        IValidatorSet.Statement calldata a,
        IValidatorSet.Statement calldata b
    ) external pure returns (bool) {
        return Equivocation.isConflict(a, b);
    }

    function precompiled(address at_, bytes memory input) private view returns (bytes memory) {
        (bool success, bytes memory answer) = at_.staticcall(input);
        ok(success, "precompile");
        return answer;
    }
}
