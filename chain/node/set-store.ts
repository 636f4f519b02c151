import { z } from 'zod'
import { u64be } from '#base/bytes.ts'
import {
  type Member,
  type ValidatorSet,
  createValidatorSet,
} from '#chain/core/consensus/validators.ts'
import type { KeyValueStore } from '#store/kv.ts'
import { type Table, createTable } from '#store/table.ts'
import { canonicalBytes, parseJson } from '#wire/canonical.ts'
import { memberSchema } from '#chain/core/consensus/codec.ts'
import { count } from '#wire/primitives.ts'

const prefixes = { set: 0x45, founder: 0x65 } as const
const setSchema = z.strictObject({ epoch: count, members: z.array(memberSchema) })

/** The sets of validators by epoch: the states that they were read from are not kept. */
export function openSets(store: KeyValueStore): Table<number, ValidatorSet> {
  return createTable<number, ValidatorSet>(store, {
    prefix: prefixes.set,
    key: u64be,
    encode: ({ epoch, validators }) =>
      canonicalBytes({ epoch, members: validators.map(({ index: _index, ...member }) => member) }),
    decode: (bytes) => {
      const { epoch, members } = setSchema.parse(parseJson(bytes))
      return createValidatorSet(epoch, members)
    },
  })
}

/** Who had a seat in the state of the genesis. */
export function openSeatedFounders(store: KeyValueStore): Table<null, readonly Member[]> {
  return createTable<null, readonly Member[]>(store, {
    prefix: prefixes.founder,
    key: () => new Uint8Array(),
    encode: canonicalBytes,
    decode: (bytes) => z.array(memberSchema).parse(parseJson(bytes)),
  })
}
