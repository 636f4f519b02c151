import { createRequire } from 'node:module'
import type { Abi, Hex } from 'viem'

/** A plain token, and work that is mostly arithmetic and hashing. */
const source = `
// SPDX-License-Identifier: MIT
pragma solidity ^0.8.28;

contract Token {
    mapping(address => uint256) public balanceOf;
    uint256 public totalSupply;
    event Transfer(address indexed from, address indexed to, uint256 value);
    error InsufficientBalance();

    function mintMany(address[] calldata to, uint256 each) external {
        for (uint256 i = 0; i < to.length; i++) {
            balanceOf[to[i]] += each;
            emit Transfer(address(0), to[i], each);
        }
        totalSupply += each * to.length;
    }

    function transfer(address to, uint256 value) external returns (bool) {
        if (balanceOf[msg.sender] < value) revert InsufficientBalance();
        unchecked { balanceOf[msg.sender] -= value; }
        balanceOf[to] += value;
        emit Transfer(msg.sender, to, value);
        return true;
    }
}

contract Work {
    uint256[8] table;
    uint256 public last;

    function mix(uint256 rounds, uint256 seed) external {
        uint256[8] memory words = table;
        uint256 x = seed;
        for (uint256 i = 0; i < rounds; i++) {
            uint256 at = i & 7;
            unchecked { x = x * 6364136223846793005 + words[at] + i; }
            x ^= x >> 29;
            if (x & 3 == 0) x = addmod(x, i, type(uint256).max - 188);
            words[at] = x;
            if (at == 7) x = uint256(keccak256(abi.encodePacked(words)));
        }
        last = x;
    }
}
`

export interface Contract {
  readonly abi: Abi
  readonly bytecode: Hex
}

/** Compiles the contracts that the load calls. */
export function compileLoadContracts(): { readonly token: Contract; readonly work: Contract } {
  const { compile } = createRequire(import.meta.url)('solc') as { compile(input: string): string }
  const settings = {
    evmVersion: 'cancun',
    optimizer: { enabled: true, runs: 2000 },
    outputSelection: { '*': { '*': ['abi', 'evm.bytecode.object'] } },
  }
  const input = { language: 'Solidity', sources: { 'load.sol': { content: source } }, settings }
  const output = JSON.parse(compile(JSON.stringify(input))) as {
    contracts: Record<string, Record<string, { abi: Abi; evm: { bytecode: { object: string } } }>>
  }
  const contractOf = (name: string): Contract => {
    const made = output.contracts['load.sol']?.[name]
    if (made === undefined) throw new Error(`the contract ${name} does not compile`)
    return { abi: made.abi, bytecode: `0x${made.evm.bytecode.object}` }
  }
  return { token: contractOf('Token'), work: contractOf('Work') }
}
