import { describe, expect, test } from 'vitest'
import { createRng } from '#base/rng.ts'
import { equivalentOf, equivalents } from '#test/mutants/equivalent.ts'
import {
  branchesOf,
  drawMutations,
  loggedBranches,
  mutationsOf,
  withMutants,
} from '#test/mutants/mutations.ts'
import { moneySources } from '#test/mutants/project.ts'

const source = `
contract Purse {
    uint256 private constant MOST = 2 ** 3 * 5;
    mapping(address => uint256[2]) private _held;
    event Paid(uint256 amount);

    // grüßt: bytes are no characters
    function pay(uint256 amount, bool isAll) external returns (uint256 left) {
        uint256[2] storage held;
        held = _held[msg.sender];
        if (amount > held[0] && !isAll) revert();
        if (isAll) held[0] = 0;
        for (uint256 i; i < 2; ++i) left += isAll ? 1 : held[i] - amount;
        emit Paid(amount);
    }
}
`

describe('mutations', () => {
  const all = mutationsOf('Purse.sol', source)
  const texts = all.map(({ kind, text }) => `${kind}: ${text}`)

  test('are operators, conditions and statements, none of which the compiler needs', () => {
    expect(texts).toEqual([
      'operator: amount > held[0] && !isAll',
      'operator: amount > held[0]',
      'statement: revert();',
      'condition: isAll',
      'statement: held[0] = 0;',
      'operator: held[i] - amount',
      'operator: i < 2',
      'statement: emit Paid(amount);',
    ])
    expect(all[0]?.line).toBe(11)
    expect(all[0]?.lineText).toBe('if (amount > held[0] && !isAll) revert();')
  })

  test('stand behind their numbers', () => {
    const wanted = [1, 3, 4, 5].map((i) => ({ mutation: all[i]!, number: i }))
    const text = withMutants(source, wanted)
    expect(text).toContain(
      'if ((_isMutant(1) ? (amount >= held[0]) : (amount > held[0])) && !isAll)',
    )
    expect(text).toContain('if (((isAll) != _isMutant(3))) { if (!_isMutant(4)) { held[0] = 0; } }')
    expect(text).toContain('(_isMutant(5) ? (held[i] + amount) : (held[i] - amount))')
    expect(text).toContain('return _asPure(_coinbase)() == number;')
    expect(mutationsOf('again', text).length, 'it is Solidity').toBeGreaterThan(all.length)
  })

  test('are drawn alike by one seed, none inside of another', () => {
    const draw = (seed: number) => drawMutations(all, 8, createRng(seed)).map(({ text }) => text)
    expect(draw(1)).toEqual(draw(1))
    for (let seed = 0; seed < 20; seed += 1) {
      const drawn = draw(seed)
      expect(drawn.includes(all[0]!.text) && drawn.includes(all[1]!.text)).toBe(false)
      expect(drawn).toHaveLength(7)
    }
  })
})

test('both ways of a condition are one change with two numbers', () => {
  const all = branchesOf('Purse.sol', source)
  expect(all.map(({ line, text }) => `${line} ${text}`)).toEqual([
    '11 amount > held[0] && !isAll holds',
    '11 amount > held[0] && !isAll does not hold',
    '12 isAll holds',
    '12 isAll does not hold',
    '13 isAll holds',
    '13 isAll does not hold',
  ])
  const text = withMutants(
    source,
    all.map((mutation, i) => ({ mutation, number: i + 1 })),
  )
  expect(text).toContain('if (_branch(1, amount > held[0] && !isAll)) revert();')
  expect(text).toContain('left += _branch(5, isAll) ? 1')
  expect(branchesOf('again', text)).toHaveLength(all.length + 8) // those of the functions that were added
})

test('a log names the branches that were taken', () => {
  const output = '  branch 12\nbranch 3\n    ✔ test_branch 7()\nbranch 12\n'
  expect([...loggedBranches(output)]).toEqual([12, 3])
})

test('every mutation that counts neither way is one', () => {
  const all = [...moneySources()].flatMap(([file, text]) => [
    ...mutationsOf(file, text),
    ...branchesOf(file, text),
  ])
  const found = new Set(all.map(equivalentOf))
  expect(equivalents.filter((one) => !found.has(one))).toEqual([])
})

test('the money path is there', () => {
  const names = [...moneySources().keys()]
  expect(names).toContain('Staking.sol')
  expect(names).toContain('job/JobSettlement.sol')
  expect(names.some((name) => name.startsWith('operators/'))).toBe(false)
})
