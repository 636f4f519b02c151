/**
 * `npm run report:adversaries -- [--json] [--only <text>]`: every liar of the library, what became of it, by which
 * mechanism, after how many blocks, for how much gas, and who paid whom. Ends with 1 where a row falls short.
 */
import { formatEther } from 'viem'
import { flagsOf } from '#scripts/flags.ts'
import { type Liar, liars } from './liars.ts'
import { type Court, openCourt } from './money.ts'
import { type Trial, tryLiar } from './trial.ts'

const values = flagsOf({
  options: { json: { type: 'boolean', default: false }, only: { type: 'string', default: '' } },
})

let opened: Promise<Court> | undefined
const court = () => (opened ??= openCourt())

const rows = []
for (const liar of liars.filter(({ name }) => name.includes(values.only))) {
  const row = rowOf(liar, await outcomeOf(liar))
  rows.push(row)
  console.log(lineOf(row))
}
const isMet = ({ fate, wanted }: Row) => fate === wanted
const met = rows.filter(isMet).map(({ name }) => name)
const missed = rows.filter((row) => !isMet(row)).map(({ name }) => name)
if (values.json) console.log(JSON.stringify({ rows, met, missed }))
else
  console.log(
    `${met.length} of ${rows.length} as they should be${missed.map((name) => `; ${name}`).join('')}`,
  )
process.exit(missed.length === 0 && rows.length > 0 ? 0 : 1)

type Outcome = Trial | { readonly fate: 'failed'; readonly finding: string }

async function outcomeOf(liar: Liar): Promise<Outcome> {
  try {
    return await tryLiar(liar, court)
  } catch (error) {
    return { fate: 'failed', finding: String(error) }
  }
}

type Row = ReturnType<typeof rowOf>

/** Amounts in TRAIN. */
function rowOf({ name, lie, mechanism, fate: wanted }: Liar, outcome: Outcome) {
  const { fate, finding } = outcome
  const paid = 'moved' in outcome ? outcome : { blocks: 0, gas: 0n, moved: [] }
  const moved = paid.moved.map(({ who, wei }) => ({ who, train: formatEther(wei) }))
  const { blocks, gas } = paid
  return { name, lie, wanted, fate, mechanism, finding, blocks, gas: Number(gas), moved }
}

function lineOf({ name, fate, mechanism, finding, blocks, gas, moved }: Row): string {
  const paid = moved.map(({ who, train }) => `${who} ${train.startsWith('-') ? '' : '+'}${train}`)
  const cost = gas > 0 ? `${blocks} blocks, ${gas} gas` : 'nothing on chain'
  return `${name.padEnd(26)} ${fate.padEnd(9)} ${mechanism}; ${finding}; ${cost}${paid.length > 0 ? `; ${paid.join(', ')} TRAIN` : ''}`
}
