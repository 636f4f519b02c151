// SPDX-License-Identifier: MIT
pragma solidity ^0.8.28;

/// @title BLS12-381 signatures by the precompiles of EIP-2537: keys in G1, signatures in G2, the ciphersuite
/// BLS_SIG_BLS12381G2_XMD:SHA-256_SSWU_RO_POP_ of draft-irtf-cfrg-bls-signature.
/// @notice Points are uncompressed, as EIP-2537 encodes them: 128 bytes a key, 256 bytes a signature.
library Bls {
    uint256 private constant KEY_BYTES = 128;
    uint256 private constant SIGNATURE_BYTES = 256;
    address private constant MODEXP = address(0x05);
    address private constant G2_ADD = address(0x0d);
    address private constant PAIRING = address(0x0f);
    address private constant MAP_TO_G2 = address(0x11);
    /// @dev Order of the base field, 48 bytes.
    bytes private constant P =
        hex"1a0111ea397fe69a4b1ba7b6434bacd764774b84f38512bf6730d2a0f6b0f6241eabfffeb153ffffb9feffffffffaaab";
    /// @dev (P - 1) / 2: a coordinate above it is the larger one of the two roots.
    uint256 private constant HALF_HIGH = 0x0d0088f51cbff34d258dd3db21a5d66bb23ba5c279c2895fb39869507b587b12;
    uint256 private constant HALF_LOW = 0x0f55ffff58a9ffffdcff7fffffffd555;
    /// @dev The generator of G1, negated.
    bytes private constant MINUS_G1 =
        hex"0000000000000000000000000000000017f1d3a73197d7942695638c4fa9ac0fc3688c4f9774b905a14e3a3f171bac586c55e83ff97a1aeffb3af00adb22c6bb00000000000000000000000000000000114d1d6855d545a8aa7d76c8cf2e21f267816aef1db507c96655b9d5caac42364e6f38ba0ecb751bad54dcd6b939c2ca";
    /// @dev The domain tag and its length.
    bytes private constant DOMAIN = "BLS_SIG_BLS12381G2_XMD:SHA-256_SSWU_RO_POP_\x2b";

    /// @notice Whether the owner of the key signed all messages; `signature` is the sum of its signatures. The pairing
    /// checks that both points are in their subgroups. False also for points that are none.
    function isSigned(
        bytes memory key,
        bytes[] memory messages,
        bytes memory signature
    ) internal view returns (bool) {
        if (key.length != KEY_BYTES || signature.length != SIGNATURE_BYTES || _isInfinity(key)) return false;
        bytes memory pairs = bytes.concat(MINUS_G1, signature);
        for (uint256 i; i < messages.length; ++i) pairs = bytes.concat(pairs, key, hashToG2(messages[i]));
        (bool success, bytes memory answer) = PAIRING.staticcall(pairs);
        return success && answer.length == 32 && bytes32(answer) == bytes32(uint256(1));
    }

    /// @notice The 48 bytes of a key in compressed form: `high` are the first 32. The caller knows that the point is one.
    function compress(bytes memory key) internal pure returns (bytes32 high, bytes16 low) {
        uint256 yHigh;
        uint256 yLow;
        assembly ("memory-safe") {
            high := mload(add(key, 48))
            low := and(mload(add(key, 80)), shl(128, sub(shl(128, 1), 1)))
            yHigh := mload(add(key, 112))
            yLow := shr(128, mload(add(key, 144)))
        }
        bool isLarger = yHigh > HALF_HIGH || (yHigh == HALF_HIGH && yLow > HALF_LOW);
        high |= bytes32(uint256(isLarger ? 0xa0 : 0x80) << 248);
    }

    /// @notice hash_to_curve of RFC 9380 into G2, 256 bytes.
    function hashToG2(bytes memory message) internal view returns (bytes memory) {
        bytes memory uniform = _expand(message);
        bytes memory both = bytes.concat(_map(uniform, 0), _map(uniform, 128));
        return _call(G2_ADD, both);
    }

    /// @dev expand_message_xmd with SHA-256 to 256 bytes: four field elements of 64 bytes.
    function _expand(bytes memory message) private pure returns (bytes memory uniform) {
        bytes32 b0 = sha256(bytes.concat(new bytes(64), message, hex"010000", DOMAIN));
        bytes32 last;
        for (uint256 i = 1; i <= 8; ++i) {
            last = sha256(bytes.concat(b0 ^ last, bytes1(uint8(i)), DOMAIN));
            uniform = bytes.concat(uniform, last);
        }
    }

    /// @dev The point of two of the elements, from byte `from` on. The precompile clears the cofactor.
    function _map(bytes memory uniform, uint256 from) private view returns (bytes memory) {
        bytes memory element = bytes.concat(
            bytes16(0),
            _modP(uniform, from),
            bytes16(0),
            _modP(uniform, from + 64)
        );
        return _call(MAP_TO_G2, element);
    }

    /// @dev 64 big-endian bytes modulo P, 48 bytes.
    function _modP(bytes memory uniform, uint256 from) private view returns (bytes memory) {
        bytes32 high;
        bytes32 low;
        assembly ("memory-safe") {
            let at := add(add(uniform, 32), from)
            high := mload(at)
            low := mload(add(at, 32))
        }
        bytes memory sizes = abi.encode(uint256(64), uint256(1), uint256(48));
        return _call(MODEXP, bytes.concat(sizes, high, low, hex"01", P));
    }

    function _call(address precompile, bytes memory input) private view returns (bytes memory) {
        (bool success, bytes memory answer) = precompile.staticcall(input);
        assert(success); // these inputs are always in range
        return answer;
    }

    function _isInfinity(bytes memory key) private pure returns (bool) {
        return keccak256(key) == keccak256(new bytes(KEY_BYTES));
    }
}
