import { createRequire } from 'node:module'
import type { Abi, Hex } from 'viem'

export interface Sample {
  readonly abi: Abi
  readonly bytecode: Hex
}

/** A token, and a contract that does what blocks rarely do. */
const source = `// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

contract Token {
  event Transfer(address indexed from, address indexed to, uint256 value);
  error TooLittle(uint256 wanted, uint256 held);
  uint256 public immutable total;
  address public immutable maker;
  mapping(address => uint256) public balanceOf;
  constructor(uint256 supply) {
    total = supply; maker = msg.sender; balanceOf[msg.sender] = supply;
    emit Transfer(address(0), msg.sender, supply);
  }
  function transfer(address to, uint256 value) external returns (bool) {
    uint256 held = balanceOf[msg.sender];
    if (held < value) revert TooLittle(value, held);
    balanceOf[msg.sender] = held - value;
    balanceOf[to] += value;
    emit Transfer(msg.sender, to, value);
    return true;
  }
}

contract Child {
  uint256 public word = 7;
  constructor() payable {}
  function end(address payable heir) external { selfdestruct(heir); }
}

contract Board {
  event JobCompleted(bytes32 indexed job, bytes32 model, bytes32 cid, int64 metric);
  uint256 public openJobs;
  function open(uint256 count) external { openJobs = count; }
  function complete(bytes32 model) external { emit JobCompleted(0, model, 0, 0); }
}

contract Odd {
  event Seen(uint256 indexed number, bytes32 parent, uint256 beacon, uint256 fee, address coinbase);
  event Born(address child, uint256 size);
  mapping(uint256 => uint256) public words;
  uint256[] public list;
  receive() external payable {}
  function store(uint256 from, uint256 count, uint256 value) external {
    for (uint256 i = from; i < from + count; i++) words[i] = value;
  }
  function look() external {
    emit Seen(block.number, blockhash(block.number - 1), block.prevrandao, block.basefee, block.coinbase);
  }
  function birth(bytes32 salt) external payable {
    Child child = new Child{salt: salt, value: msg.value}();
    emit Born(address(child), address(child).code.length);
  }
  function birthAndEnd(bytes32 salt) external payable {
    Child child = new Child{salt: salt, value: msg.value}();
    child.end(payable(msg.sender));
    emit Born(address(child), child.word());
  }
  function endOld(address child) external { Child(child).end(payable(msg.sender)); }
  function fail(string calldata why) external { list.push(1); revert(why); }
  function panics(uint256 at) external view returns (uint256) { return list[at]; }
  function burn() external { while (true) list.push(gasleft()); }
  function nested(uint256 depth) external {
    list.push(depth);
    if (depth == 0) revert('deep');
    try this.nested(depth - 1) {} catch { words[depth] = depth; }
  }
  function precompiles(bytes32 digest, uint8 v, bytes32 r, bytes32 s) external {
    words[1] = uint160(ecrecover(digest, v, r, s));
    words[2] = uint256(sha256(abi.encode(digest)));
    words[3] = uint160(ripemd160(abi.encode(digest)));
    words[4] = uint256(keccak256(abi.encode(digest)));
  }
  function transient_(uint256 value) external {
    assembly { tstore(0, value) }
    uint256 got;
    assembly { got := tload(0) }
    words[9] = got;
  }
}
`

interface Output {
  readonly errors?: readonly { severity: string; formattedMessage: string }[]
  readonly contracts: {
    readonly 'Samples.sol': Readonly<
      Record<string, { abi: Abi; evm: { bytecode: { object: string } } }>
    >
  }
}

type Samples = Readonly<Record<'Token' | 'Child' | 'Odd' | 'Board', Sample>>

let compiled: Samples | undefined

/** The contracts that the chain's tests deploy, compiled once in a process. */
export function samples(): Samples {
  if (compiled !== undefined) return compiled
  const require = createRequire(import.meta.url)
  const solc = require('solc') as { compile(input: string): string }
  const output = JSON.parse(
    solc.compile(
      JSON.stringify({
        language: 'Solidity',
        sources: { 'Samples.sol': { content: source } },
        settings: {
          evmVersion: 'cancun',
          optimizer: { enabled: true },
          outputSelection: { '*': { '*': ['abi', 'evm.bytecode.object'] } },
        },
      }),
    ),
  ) as Output
  const fault = output.errors?.find(({ severity }) => severity === 'error')
  if (fault !== undefined) throw new Error(fault.formattedMessage)
  const found = output.contracts['Samples.sol']
  const sample = (name: string): Sample => ({
    abi: found[name]?.abi ?? [],
    bytecode: `0x${found[name]?.evm.bytecode.object ?? ''}`,
  })
  compiled = {
    Token: sample('Token'),
    Child: sample('Child'),
    Odd: sample('Odd'),
    Board: sample('Board'),
  }
  return compiled
}
