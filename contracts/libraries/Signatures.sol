// SPDX-License-Identifier: MIT
pragma solidity ^0.8.28;

import {SignatureChecker} from "@openzeppelin/contracts/utils/cryptography/SignatureChecker.sol";

/// @title Signatures of keys and of ERC-1271 contracts.
library Signatures {
    /// @dev Half of the order of secp256k1: larger s are a second form of the same signature.
    uint256 private constant S_MAX = 0x7FFFFFFFFFFFFFFFFFFFFFFFFFFFFFFF5D576E7357A4501DDFE92F46681B20A0;

    /// @notice Whether the operator signed the digest. Keys are tried first, so that their accounts, of which there
    /// is nothing to know, are not looked up.
    function isSignedBy(
        address operator,
        bytes32 digest,
        bytes calldata signature
    ) internal view returns (bool) {
        if (signature.length == 65) {
            (bytes32 r, uint256 s) = (bytes32(signature[0:32]), uint256(bytes32(signature[32:64])));
            address signer = ecrecover(digest, uint8(signature[64]), r, bytes32(s));
            if (signer == operator && signer != address(0) && s <= S_MAX) return true;
        }
        return
            operator.code.length != 0 &&
            SignatureChecker.isValidERC1271SignatureNowCalldata(operator, digest, signature);
    }

    /// @notice Who signed the typed struct, by the two words of EIP-2098; zero when nobody did.
    /// @param separator of the EIP-712 domain
    function signerOf(
        bytes32 separator,
        bytes32 structHash,
        bytes32 r,
        bytes32 vs
    ) internal view returns (address who) {
        uint256 sMax = S_MAX;
        assembly ("memory-safe") {
            let free := mload(0x40)
            mstore(free, shl(240, 0x1901))
            mstore(add(free, 2), separator)
            mstore(add(free, 34), structHash)
            mstore(free, keccak256(free, 66))
            mstore(add(free, 32), add(27, shr(255, vs)))
            mstore(add(free, 64), r)
            let s := shr(1, shl(1, vs))
            mstore(add(free, 96), s)
            mstore(0, 0) // stays when the precompile answers nothing
            if iszero(gt(s, sMax)) {
                pop(staticcall(gas(), 1, free, 128, 0, 32))
            }
            who := mload(0)
        }
    }
}
