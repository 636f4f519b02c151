import { writeFileSync } from 'node:fs'
import { gzipSync } from 'node:zlib'
import { describe, expect, test } from 'vitest'
import { readCsv } from '#compute/data/csv.ts'
import { decodeIdx, encodeIdx } from '#compute/data/idx.ts'
import { readJsonl } from '#compute/data/jsonl.ts'
import { decodeNpy } from '#compute/data/npy.ts'
import { readDataset } from '#compute/data/read.ts'
import { unzip } from '#compute/data/zip.ts'
import { damage, survivesDamage } from '../mutations.ts'
import { npy, npyHeader, zip } from './archive.ts'
import { fieldsOf, scratch } from './scratch.ts'

const { seed, cases } = damage
const title = `(${cases} damaged files, seed ${seed})`
const pixels = Uint8Array.from({ length: 32 }, (_, i) => i)
const six = new Uint8Array(Float64Array.of(1, 2, 3, 4, 5, 6).buffer)
const arrays = [
  npy(npyHeader('<f8', '(2, 3)'), six),
  npy(npyHeader('>f4', '(3, 2, 2)', 'True'), new Uint8Array(48), 2),
  npy(npyHeader('|u1', '(2, 4, 4)'), pixels, 3),
]
const labels = npy(npyHeader('<i8', '(2,)'), new Uint8Array(16))
const archives = [
  zip([
    { name: 'x_train.npy', bytes: arrays[2] as Buffer },
    { name: 'y_train.npy', bytes: labels },
  ]),
  zip([{ name: 'data.npy', bytes: arrays[0] as Buffer, method: 0 }]),
]
const places = ['file']

describe('damaged files are read or refused by code and place', () => {
  test(`IDX ${title}`, async () => {
    const files = [encodeIdx([2, 4, 4], pixels), encodeIdx([5], Uint8Array.of(1, 2, 3, 4, 5))]
    await survivesDamage(files, (bytes) => decodeIdx(bytes, 'a'), {
      codes: ['IDX_INVALID'],
      places: ['byte'],
    })
  })

  test(`NPY ${title}`, async () => {
    const read = (bytes: Uint8Array) => {
      const { values, shape } = decodeNpy(bytes, 'a')
      expect(shape.reduce((a, b) => a * b, 1)).toBe(values.length)
      expect(values.byteLength).toBeLessThanOrEqual(8 * bytes.length)
    }
    await survivesDamage(arrays, read, { codes: ['NPY_INVALID', 'NPY_TYPE'], places })
  })

  test(`ZIP ${title}`, async () => {
    const read = (bytes: Uint8Array) => {
      const files = unzip(bytes, 'a', { wants: () => true, sizeBytesMax: 4096 })
      const sizes = [...files.values()].map((file) => file.length)
      expect(sizes.reduce((a, b) => a + b, 0)).toBeLessThanOrEqual(4096)
    }
    const codes = ['ZIP_INVALID', 'ZIP_UNSUPPORTED', 'FILE_TOO_LARGE']
    await survivesDamage(archives, read, { codes, places })
  })

  const file = (name: string) => {
    const path = scratch(name, '')
    return (bytes: Uint8Array) => {
      writeFileSync(path, bytes)
      return [path]
    }
  }

  test(`NPZ ${title}`, async () => {
    const at = file('a.npz')
    await survivesDamage(archives, async (bytes) => readDataset(at(bytes)), {
      codes: [
        'ZIP_INVALID',
        'ZIP_UNSUPPORTED',
        'FILE_TOO_LARGE',
        'NPY_INVALID',
        'NPY_TYPE',
        'ARRAY_MISSING',
        'FILE_EMPTY',
        'ROWS_MISMATCH',
        'IMAGE_SHAPE',
        'IMAGE_VALUE',
        ...readerCodes,
      ],
      places,
    })
  })

  const readerCodes = [
    'FILE_EMPTY',
    'FORMAT_UNKNOWN',
    'TEXT_NOT_UTF8',
    'NUMBER_RANGE',
    'FILE_DAMAGED',
    'ROW_RAGGED',
    'QUOTE_INVALID',
    'IDX_INVALID',
    'IMAGES_MISSING',
    'JSONL_INVALID',
    'JSONL_VALUE',
    'LINE_TOO_LONG',
    'COLUMNS_TOO_MANY',
  ]
  const csv = 'a,b\n1,"x, ""y"""\n-2.5e3,é\n,\n"4",z\n'
  test(`CSV ${title}`, async () => {
    const at = file('a.csv')
    const files = [Buffer.from(csv), Buffer.from(`\uFEFF# c\r\na;b;c\r\n1;2;3\r\n`)]
    const read = async (bytes: Uint8Array) => {
      const { columns, rows } = await readCsv(at(bytes))
      expect(columns.length > 0 && rows > 0).toBe(true)
    }
    await survivesDamage(files, read, { codes: readerCodes, places })
  })

  test(`JSONL ${title}`, async () => {
    const at = file('a.jsonl')
    const files = [Buffer.from('{"a":1,"b":"x"}\r\n\n{"b":null,"c":true,"a":-2.5e3}\n')]
    const read = async (bytes: Uint8Array) => readJsonl(at(bytes))
    await survivesDamage(files, read, { codes: readerCodes, places })
  })

  test(`gzip ${title}`, async () => {
    const at = file('a.gz')
    const files = [gzipSync(csv), gzipSync(encodeIdx([2, 4, 4], pixels))]
    const codes = [...readerCodes, 'FILE_TOO_LARGE']
    await survivesDamage(files, async (bytes) => readDataset(at(bytes)), { codes, places })
  })
})

describe('hostile text', () => {
  test('a cell of a million digits and a letter is a text, at once', async () => {
    const long = `${'1'.repeat(1_000_000)}x`
    const [column] = (await readCsv([scratch('a.csv', `a,b\n${long},1\n`)])).columns
    expect(column).toMatchObject({ kind: 'text', name: 'a' })
  })

  test('a line of brackets without end is refused', async () => {
    const deep = `{"a":${'['.repeat(500_000)}`
    const closed = `${deep}${']'.repeat(500_000)}}`
    const read = async (text: string) => readJsonl([scratch('a.jsonl', `${text}\n`)])
    expect(await fieldsOf(read(deep))).toMatchObject({ code: 'JSONL_INVALID', line: 1 })
    expect(await fieldsOf(read(closed))).toMatchObject({ code: 'JSONL_VALUE', line: 1 })
  })
})
