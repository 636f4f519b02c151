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
}
