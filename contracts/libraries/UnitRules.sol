// SPDX-License-Identifier: MIT
pragma solidity ^0.8.28;

/// @title Pure rules of units of work and their price; the same as `chain/core/work-rules.ts`.
library UnitRules {
    /// @dev Heights for which a unit stays in the urn, and heights of an epoch of the price.
    uint256 internal constant LIVE_HEIGHTS = 256;
    /// @dev Most units put into the urn within LIVE_HEIGHTS, and most segments in it.
    uint256 internal constant UNITS_MAX = 4096;
    uint256 internal constant SEGMENT_UNITS_MAX = 128;
    /// @dev Units that an epoch should bring.
    uint256 internal constant UNITS_TARGET = 1024;
    /// @dev The price moves by an eighth an epoch, at most.
    uint256 private constant PRICE_STEP = 8;
    /// @dev After so many epochs without a unit, a price is at its lower bound, whatever it was.
    uint256 private constant EPOCHS_MAX = 512;

    /// @notice floor(min(flops / unitFlops, burned / price)), at most SEGMENT_UNITS_MAX.
    function unitsOf(
        uint256 flops,
        uint256 burnedGwei,
        uint256 unitFlops,
        uint256 priceGwei
    ) internal pure returns (uint256 units) {
        uint256 byBurn = burnedGwei / priceGwei;
        units = flops / unitFlops;
        if (byBurn < units) units = byBurn;
        if (units > SEGMENT_UNITS_MAX) units = SEGMENT_UNITS_MAX;
    }

    /// @notice The price of the next epoch, from the units that this one created.
    function nextPrice(
        uint256 price,
        uint256 created,
        uint256 least,
        uint256 most
    ) internal pure returns (uint256) {
        if (created > 2 * UNITS_TARGET) created = 2 * UNITS_TARGET;
        if (created > UNITS_TARGET) {
            uint256 rise = (price * (created - UNITS_TARGET)) / UNITS_TARGET / PRICE_STEP;
            price += rise == 0 ? 1 : rise;
        } else {
            price -= (price * (UNITS_TARGET - created)) / UNITS_TARGET / PRICE_STEP;
        }
        if (price < least) return least;
        return price > most ? most : price;
    }

    /// @notice The price after `epochs` epochs, of which the first created `created` units and the others none.
    function priceAfter(
        uint256 price,
        uint256 created,
        uint256 epochs,
        uint256 least,
        uint256 most
    ) internal pure returns (uint256) {
        if (epochs > EPOCHS_MAX) return least;
        for (uint256 i; i < epochs; ++i) price = nextPrice(price, i == 0 ? created : 0, least, most);
        return price;
    }
}
