import { gzipSync } from 'node:zlib'
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { codeOf } from '#base/error.ts'
import { decodeIdx, encodeIdx } from '#compute/data/idx.ts'
import { readJsonl } from '#compute/data/jsonl.ts'
import { decodeNpy } from '#compute/data/npy.ts'
import { readDataset } from '#compute/data/read.ts'
import { unzip } from '#compute/data/zip.ts'
import { npy, npyHeader, zip } from './archive.ts'
import { fieldsOf, fuzz, scratch } from './scratch.ts'

const { seed, numRuns } = fuzz(1000)

describe('decodeIdx', () => {
  const good = encodeIdx(
    [2, 2, 3],
    Uint8Array.from({ length: 12 }, (_, i) => i),
  )

  test('reads unsigned bytes', () => {
    expect(decodeIdx(good, 'a')).toEqual({
      shape: [2, 2, 3],
      values: Uint8Array.from({ length: 12 }, (_, i) => i),
      isBytes: true,
    })
  })

  test.each([
    ['signed bytes', 0x09, [0xff], -1],
    ['16-bit integers', 0x0b, [0xff, 0xfe], -2],
    ['32-bit integers', 0x0c, [0, 1, 0, 0], 65_536],
    ['single floats', 0x0d, [0x3f, 0xc0, 0, 0], 1.5],
    ['double floats', 0x0e, [0xbf, 0xf0, 0, 0, 0, 0, 0, 0], -1],
  ])('reads %s, big-endian', (_name, type, raw, value) => {
    const bytes = Uint8Array.from([0, 0, type, 1, 0, 0, 0, 1, ...raw])
    expect([...decodeIdx(bytes, 'a').values]).toEqual([value])
  })

  test.each([
    ['other files', Uint8Array.of(1, 2, 3, 4), 0],
    ['an unknown type', Uint8Array.of(0, 0, 7, 1, 0, 0, 0, 0), 0],
    ['a header cut off', good.subarray(0, 9), 9],
    ['a cut file', good.subarray(0, 20), 20],
    ['more bytes than claimed', Buffer.concat([good, good]), 28],
    [
      'sides that multiply past every limit',
      Uint8Array.from([0, 0, 8, 2, ...Array(8).fill(255)]),
      4,
    ],
  ])('refuses %s', async (_name, bytes, byte) => {
    const fields = await fieldsOf(() => decodeIdx(bytes, 'a.idx'))
    expect(fields).toMatchObject({ code: 'IDX_INVALID', file: 'a.idx', byte })
  })
})

describe('decodeNpy', () => {
  const six = Float64Array.of(1, 2, 3, 4, 5, 6)
  const good = npy(npyHeader('<f8', '(2, 3)'), new Uint8Array(six.buffer))

  test.each([1, 2, 3])('reads version %i', (version) => {
    const bytes = npy(npyHeader('<f8', '(2, 3)'), new Uint8Array(six.buffer), version)
    expect(decodeNpy(bytes, 'a')).toEqual({ shape: [2, 3], values: six, isBytes: false })
  })

  test('turns first-index-fastest order round', () => {
    const bytes = npy(npyHeader('<f8', '(2, 3)', 'True'), new Uint8Array(six.buffer))
    expect([...decodeNpy(bytes, 'a').values]).toEqual([1, 3, 5, 2, 4, 6])
  })

  test.each([
    ['|u1', [200], 200],
    ['|b1', [1], 1],
    ['|i1', [200], -56],
    ['<i2', [0xfe, 0xff], -2],
    ['>u2', [1, 0], 256],
    ['<i8', [5, 0, 0, 0, 0, 0, 0, 0], 5],
    ['<f4', [0, 0, 0xc0, 0x3f], 1.5],
  ])('reads %s', (descr, raw, value) => {
    const decoded = decodeNpy(npy(npyHeader(descr, '(1,)'), Uint8Array.from(raw)), 'a')
    expect([...decoded.values]).toEqual([value])
  })

  test.each([
    ['NPY_INVALID', Buffer.from('something else')],
    ['NPY_INVALID', npy(npyHeader('<f8', '(2, 4)'), new Uint8Array(six.buffer))],
    ['NPY_INVALID', npy(npyHeader('<f8', '(2, 2)'), new Uint8Array(six.buffer))],
    ['NPY_INVALID', npy(npyHeader('<f8', '(99999999999, 99999999999)'), new Uint8Array(0))],
    ['NPY_INVALID', npy(npyHeader('|i1', '(134217729,)'), new Uint8Array(0))],
    ['NPY_INVALID', npy('{}', new Uint8Array(0))],
    ['NPY_INVALID', good.subarray(0, 40)],
    ['NPY_TYPE', npy(npyHeader('|O', '(1,)'), Uint8Array.of(1))],
    ['NPY_TYPE', npy(npyHeader('<U8', '(1,)'), Uint8Array.of(1))],
    ['NPY_TYPE', npy(npyHeader('<f2', '(1,)'), Uint8Array.of(1, 2))],
  ])('%s', async (code, bytes) => {
    const fields = await fieldsOf(() => decodeNpy(bytes, 'a.npy'))
    expect(fields).toMatchObject({ code, file: 'a.npy' })
  })
})

describe('unzip', () => {
  const wants = () => true
  const bytes = Buffer.from('abc'.repeat(100))
  const good = zip([
    { name: 'a', bytes },
    { name: 'b', bytes: Buffer.from('stored'), method: 0 },
  ])

  test('gives the wanted files', () => {
    const stored = unzip(good, 'z', { wants: (name) => name === 'b' })
    expect([...stored].map(([name, found]) => [name, String(found)])).toEqual([['b', 'stored']])
    expect(unzip(good, 'z', { wants }).get('a')).toEqual(bytes)
  })

  const zeros = new Uint8Array(1 << 20)
  test.each([
    ['ZIP_INVALID', 'an archive cut off', good.subarray(0, -30)],
    [
      'ZIP_INVALID',
      'a name that stands twice',
      zip([
        { name: 'a', bytes },
        { name: 'a', bytes },
      ]),
    ],
    ['ZIP_INVALID', 'a wrong checksum', zip([{ name: 'a', bytes, crc: 1 }])],
    ['ZIP_INVALID', 'a file shorter than it claims', zip([{ name: 'a', bytes, claims: 301 }])],
    ['ZIP_INVALID', 'a bomb that claims little', zip([{ name: 'a', bytes: zeros, claims: 10 }])],
    ['FILE_TOO_LARGE', 'a bomb that says so', zip([{ name: 'a', bytes: zeros }])],
    ['ZIP_UNSUPPORTED', 'an unusual method', zip([{ name: 'a', bytes, method: 12 }])],
    [
      'ZIP_UNSUPPORTED',
      'a size of 4 GiB and more',
      zip([{ name: 'a', bytes, claims: 0xffff_ffff }]),
    ],
  ])('%s: %s', async (code, _name, archive) => {
    const fields = await fieldsOf(() => unzip(archive, 'a.zip', { wants, sizeBytesMax: 100_000 }))
    expect(fields).toMatchObject({ code, file: 'a.zip' })
  })
})

describe('readJsonl', () => {
  const read = async (content: string) => readJsonl([scratch('a.jsonl', content)])

  test('reads objects as rows, in whatever order their keys stand', async () => {
    const table = await read('{"a":1,"b":"x"}\r\n\n{"b":null,"c":true,"a":2.5}\n')
    expect(table.rows).toBe(2)
    expect(table.columns).toEqual([
      { kind: 'number', name: 'a', values: Float64Array.of(1, 2.5) },
      { kind: 'category', name: 'b', codes: Int32Array.of(0, -1), categories: ['x'] },
      { kind: 'category', name: 'c', codes: Int32Array.of(-1, 0), categories: ['true'] },
    ])
  })

  test.each([
    ['FILE_EMPTY', '', {}],
    ['JSONL_INVALID', '{"a":1}\n{"a":', { line: 2 }],
    ['JSONL_INVALID', '[1,2]\n', { line: 1 }],
    ['JSONL_INVALID', '{"":1}\n', { line: 1 }],
    ['JSONL_VALUE', '{"a":1}\n{"a":[1]}\n', { line: 2, column: 'a' }],
    ['NUMBER_RANGE', '{"a":1e99}\n', { line: 1, column: 'a' }],
  ])('%s', async (code, content, place) => {
    expect(await fieldsOf(read(content))).toMatchObject({ code, ...place })
  })

  test('has no trouble with keys that objects have by birth', async () => {
    const table = await read('{"__proto__":1,"toString":"x"}\n')
    expect(table.columns.map(({ name }) => name)).toEqual(['__proto__', 'toString'])
  })

  test(`reads any objects or refuses them by code (seed ${seed})`, async () => {
    const value = fc.oneof(
      fc.integer(),
      fc.double(),
      fc.string(),
      fc.boolean(),
      fc.constant(null),
      fc.constant([]),
    )
    const rows = fc.array(fc.dictionary(fc.string({ maxLength: 3 }), value, { maxKeys: 4 }), {
      maxLength: 5,
    })
    await fc.assert(
      fc.asyncProperty(rows, async (objects) => {
        try {
          const content = objects.map((row) => JSON.stringify(row)).join('\n')
          expect((await read(content)).rows).toBe(objects.length)
        } catch (error) {
          expect(codeOf(error), String(error)).toBeDefined()
        }
      }),
      { seed, numRuns: numRuns / 10 },
    )
  })
})

describe('readDataset', () => {
  const pixels = Uint8Array.from({ length: 2 * 4 * 4 }, (_, i) => i)
  const images = encodeIdx([2, 4, 4], pixels)
  const labels = encodeIdx([2], Uint8Array.of(7, 3))
  const label = { kind: 'number', name: 'label', values: Float64Array.of(7, 3) }

  test('pairs IDX images and labels, in any order, gzip or not, several of them', async () => {
    const files = [
      scratch('l1', labels),
      scratch('i1.gz', gzipSync(images)),
      scratch('i2', images),
      scratch('l2.gz', gzipSync(labels)),
    ]
    const { format, train } = await readDataset(files)
    expect(format).toBe('idx')
    expect(train).toEqual({
      kind: 'image',
      images: {
        rows: 4,
        shape: [1, 4, 4],
        pixels: Uint8Array.from([...pixels, ...pixels]),
        labels: { ...label, values: Float64Array.of(7, 3, 7, 3) },
      },
    })
  })

  const array = (shape: string, values: Uint8Array) => npy(npyHeader('|u1', shape), values)
  const one = array('(2,)', Uint8Array.of(7, 3))
  test.each([
    ['train_images', 'train_labels', 'test_images', 'test_labels'],
    ['x_train', 'y_train', 'x_test', 'y_test'],
    ['train_x', 'train_y', 'test_x', 'test_y'],
  ])('finds %s and its companions in an NPZ', async (...names) => {
    const content = names.map((name, i) => ({
      name: `${name}.npy`,
      bytes: i % 2 === 0 ? array('(2, 4, 4)', pixels) : one,
    }))
    const { train, test: held } = await readDataset([scratch('a.npz', zip(content))])
    const expected = { kind: 'image', images: { rows: 2, shape: [1, 4, 4], pixels, labels: label } }
    expect(train).toEqual(expected)
    expect(held).toEqual(expected)
  })

  test('puts channels first', async () => {
    const content = [{ name: 'images.npy', bytes: array('(1, 5, 2, 2)', pixels.subarray(0, 20)) }]
    const { train } = await readDataset([scratch('a.npz', zip(content))])
    expect(train.kind === 'image' && [train.images.shape, [...train.images.pixels]]).toEqual([
      [2, 5, 2],
      [0, 2, 4, 6, 8, 10, 12, 14, 16, 18, 1, 3, 5, 7, 9, 11, 13, 15, 17, 19],
    ])
  })

  test('reads a matrix as a table', async () => {
    const { train } = await readDataset([
      scratch('a.npy', array('(2, 2)', Uint8Array.of(1, 2, 3, 4))),
    ])
    expect(train.kind === 'table' && train.table.columns).toEqual([
      { kind: 'number', name: 'column0', values: Float64Array.of(1, 3) },
      { kind: 'number', name: 'column1', values: Float64Array.of(2, 4) },
    ])
  })

  test('tells JSONL from CSV by content where the name says nothing', async () => {
    expect((await readDataset([scratch('a.txt', '{"a":1}\n')])).format).toBe('jsonl')
    expect((await readDataset([scratch('a.txt', gzipSync('a,b\n1,2\n'))])).format).toBe('csv')
  })

  test.each([
    ['FILE_EMPTY', () => [scratch('a.csv', '')]],
    ['FORMAT_UNKNOWN', () => [scratch('a.bin', Uint8Array.of(80, 65, 82, 49, 0, 0, 0, 0))]],
    ['FORMAT_MIXED', () => [scratch('a.csv', 'a,b\n1,2\n'), scratch('b.jsonl', '{"a":1}\n')]],
    ['IMAGES_MISSING', () => [scratch('l', labels)]],
    ['LABELS_MISSING', () => [scratch('i', images), scratch('j', images), scratch('l', labels)]],
    [
      'ROWS_MISMATCH',
      () => [scratch('i', images), scratch('l', encodeIdx([3], new Uint8Array(3)))],
    ],
    ['COLUMNS_DIFFER', () => [scratch('i', images), scratch('j', encodeIdx([2, 2, 8], pixels))]],
    ['ARRAY_MISSING', () => [scratch('a.npz', zip([{ name: 'weights.npy', bytes: one }]))]],
    ['FILE_DAMAGED', () => [scratch('i.gz', gzipSync(images).subarray(0, 30))]],
    ['FILE_EMPTY', () => [scratch('a.npy', array('(1000000, 0)', new Uint8Array(0)))]],
    ['FILE_UNREADABLE', () => ['/nowhere/images.gz']],
  ])('%s', async (code, files) => {
    expect(await fieldsOf(async () => readDataset(files()))).toMatchObject({ code })
  })
})
