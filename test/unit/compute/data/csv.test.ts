import { gzipSync } from 'node:zlib'
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { codeOf } from '#base/error.ts'
import { readCsv, type CsvOptions } from '#compute/data/csv.ts'
import { readLines } from '#compute/data/lines.ts'
import type { Column, Table } from '#compute/data/table.ts'
import { fieldsOf, fuzz, scratch } from './scratch.ts'

function plain(column: Column) {
  if (column.kind === 'number') return [column.name, ...column.values]
  if (column.kind === 'text') return [column.name, 'free text']
  const texts = [...column.codes].map((code) => column.categories[code] ?? null)
  return [column.name, ...texts]
}

const read = async (content: string | Uint8Array, options?: CsvOptions & { name?: string }) =>
  (await readCsv([scratch(options?.name ?? 'a.csv', content)], options)).columns.map(plain)

describe('readCsv', () => {
  const expected = [
    ['a', 1, 2.5],
    ['b', 'x', 'y'],
  ]
  test.each([
    ['commas', 'a,b\n1,x\n2.5,y\n'],
    ['no end of the last line', 'a,b\n1,x\n2.5,y'],
    ['CRLF and a BOM', '\uFEFFa,b\r\n1,x\r\n2.5,y\r\n'],
    ['semicolons', 'a;b\n1;x\n2.5;y\n'],
    ['tabs', 'a\tb\n1\tx\n2.5\ty\n'],
    ['leading comments and empty lines', '# one\n#two\n\na,b\n1,x\n\n2.5,y\n'],
    ['spaces around cells', 'a , b\n 1, x \n2.5 ,y\n'],
    ['quotes', '"a","b"\n"1","x"\n2.5, "y" \n'],
    ['gzip', gzipSync('a,b\n1,x\n2.5,y\n')],
  ])('reads %s', async (_name, content) => {
    expect(await read(content)).toEqual(expected)
  })

  test('keeps delimiters, quotes and ends of lines inside quotes', async () => {
    expect(await read('a,b\n1,"x, ""y""\nz"\n2,\n')).toEqual([
      ['a', 1, 2],
      ['b', 'x, "y"\nz', null],
    ])
  })

  test('takes a first row of numbers for values', async () => {
    const rows = [
      ['column0', 5.1, 4.9],
      ['column1', 3.5, 3],
      ['column2', 'setosa', 'setosa'],
    ]
    expect(await read('5.1,3.5,setosa\n4.9,3.0,setosa\n')).toEqual(rows)
    expect(await read('x,y\n1,2\n', { noHeader: true })).toEqual([
      ['column0', 'x', '1'],
      ['column1', 'y', '2'],
    ])
    expect(await read('1999,2000\n1,2\n', { noHeader: false })).toEqual([
      ['1999', 1],
      ['2000', 2],
    ])
  })

  test('tells numbers, missing values and texts apart', async () => {
    const cells = ['-1e3', '+.5', '7.', '', 'NA', '?', 'nan', 'null']
    expect(await read(`a,b\n${cells.map((cell) => `${cell},1`).join('\n')}\n`)).toEqual([
      ['a', -1000, 0.5, 7, NaN, NaN, NaN, NaN, NaN],
      ['b', 1, 1, 1, 1, 1, 1, 1, 1],
    ])
    const [mixed] = await read('a,b\n1,1\n,1\n1.0,1\n0x1,1\n')
    expect(mixed).toEqual(['a', '1', null, '1', '0x1'])
  })

  test('tells columns of one name apart', async () => {
    const columns = await read('a,a,,a\n1,2,3,4\n')
    expect(columns.map(([name]) => name)).toEqual(['a', 'a.1', 'column2', 'a.2'])
  })

  test('joins files of the same columns', async () => {
    const files = [scratch('a.csv', 'a,b\n1,x\n'), scratch('b.csv', '# more\na,b\n2,y\n3,x\n')]
    const table: Table = await readCsv(files)
    expect(table.rows).toBe(3)
    expect(table.columns.map(plain)).toEqual([
      ['a', 1, 2, 3],
      ['b', 'x', 'y', 'x'],
    ])
  })

  test('gives up on free text, not on the table', async () => {
    const lines = Array.from({ length: 70_000 }, (_, i) => `${i},words ${i}`)
    const [, text] = (await readCsv([scratch('a.csv', `a,b\n${lines.join('\n')}`)])).columns
    expect(text).toMatchObject({ kind: 'text', name: 'b' })
  })

  test.each([
    ['FILE_EMPTY', '', {}],
    ['FILE_EMPTY', '# only a comment\n', {}],
    ['FILE_EMPTY', 'a,b\n', {}],
    ['ROW_RAGGED', 'a,b\n1,2\n3\n', { line: 3, found: 1, expected: 2 }],
    ['ROW_RAGGED', '#c\r\na,b\r\n1,2,3\r\n', { line: 3, found: 3, expected: 2 }],
    ['QUOTE_INVALID', 'a,b\n1,2\n"3,4\n', { line: 3 }],
    ['QUOTE_INVALID', 'a,b\n1,"2"3\n', { line: 2, column: 2 }],
    ['QUOTE_INVALID', `a,b\n"${'1,2\n'.repeat(5000)}`, { line: 2 }],
    ['TEXT_NOT_UTF8', Uint8Array.of(0x61, 0x0a, 0x62, 0xff, 0x0a), { line: 2 }],
    ['NUMBER_RANGE', 'a,b\n1,1e300\n', { line: 2, column: 2 }],
    ['FILE_DAMAGED', gzipSync('a,b\n1,2\n').subarray(0, 25), {}],
    ['COLUMNS_TOO_MANY', `${'a,'.repeat(20_000)}\n`, { line: 1 }],
  ])('%s', async (code, content, place) => {
    const file = scratch('a.csv', content)
    expect(await fieldsOf(readCsv([file]))).toMatchObject({ code, file, ...place })
  })

  test('COLUMNS_DIFFER', async () => {
    const files = [scratch('a.csv', 'a,b\n1,2\n'), scratch('b.csv', 'a,c\n1,2\n')]
    const place = { file: files[1], line: 1, column: 2 }
    expect(await fieldsOf(readCsv(files))).toMatchObject({ code: 'COLUMNS_DIFFER', ...place })
  })

  test('FILE_UNREADABLE', async () => {
    const fields = await fieldsOf(readCsv(['/nowhere/a.csv']))
    expect(fields).toMatchObject({ code: 'FILE_UNREADABLE', reason: 'ENOENT' })
  })

  const { seed, numRuns } = fuzz(300)
  test(`reads any bytes or refuses them by code (seed ${seed})`, async () => {
    const pieces = fc.constantFrom(
      ',',
      '\n',
      '"',
      '\r\n',
      '#',
      '1',
      '-2.5',
      'x',
      ';',
      '\t',
      ' ',
      'é',
    )
    const content = fc.oneof(
      fc.array(pieces, { maxLength: 60 }).map((parts) => Buffer.from(parts.join(''))),
      fc.uint8Array({ maxLength: 60 }).map((bytes) => Buffer.from(bytes)),
    )
    const file = scratch('fuzz.csv', '')
    const { writeFileSync } = await import('node:fs')
    await fc.assert(
      fc.asyncProperty(content, async (bytes) => {
        writeFileSync(file, bytes)
        try {
          const table = await readCsv([file])
          for (const column of table.columns) expect(plain(column)).toHaveLength(table.rows + 1)
        } catch (error) {
          expect(codeOf(error), String(error)).toBeDefined()
        }
      }),
      { seed, numRuns },
    )
  })

  test(`reads back what it was written (seed ${seed})`, async () => {
    const cell = fc.string({ unit: fc.constantFrom('a', '"', ',', '\n', ' b', 'é'), maxLength: 5 })
    const row = fc.tuple(cell, cell)
    const file = scratch('fuzz.csv', '')
    const { writeFileSync } = await import('node:fs')
    await fc.assert(
      fc.asyncProperty(fc.array(row, { minLength: 1, maxLength: 6 }), async (rows) => {
        const quote = (text: string) => `"k${text.replaceAll('"', '""')}"`
        const lines = rows.map((cells) => cells.map(quote).join(','))
        writeFileSync(file, `first,second\n${lines.join('\n')}\n`)
        const [first, second] = (await readCsv([file])).columns.map(plain)
        expect(first).toEqual(['first', ...rows.map(([text]) => `k${text}`)])
        expect(second).toEqual(['second', ...rows.map(([, text]) => `k${text}`)])
      }),
      { seed, numRuns },
    )
  })
})

describe('readLines', () => {
  test('LINE_TOO_LONG before the line is held', async () => {
    const file = scratch(
      'long.csv',
      Buffer.concat([Buffer.from('a\n'), Buffer.alloc(10 << 20, 0x78)]),
    )
    let heldMax = 0
    const before = process.memoryUsage().arrayBuffers
    const work = async () => {
      for await (const lines of readLines(file)) {
        heldMax = Math.max(heldMax, process.memoryUsage().arrayBuffers - before)
        expect(lines).toEqual([{ text: 'a', number: 1 }])
      }
    }
    expect(await fieldsOf(work())).toMatchObject({ code: 'LINE_TOO_LONG', file, line: 2 })
    expect(heldMax).toBeLessThan(4 << 20)
  })

  test('counts a line of just the limit as short enough', async () => {
    const file = scratch('a.txt', 'abcd\nefgh')
    const lines: string[] = []
    for await (const part of readLines(file, { lineBytesMax: 4 })) {
      lines.push(...part.map(({ text }) => text))
    }
    expect(lines).toEqual(['abcd', 'efgh'])
    const consume = async () => {
      for await (const part of readLines(file, { lineBytesMax: 3 })) lines.push(...part.map(String))
    }
    expect(await fieldsOf(consume())).toMatchObject({ code: 'LINE_TOO_LONG', line: 1 })
  })

  test('stops when it is told to', async () => {
    const file = scratch('a.txt', 'a\n'.repeat(100_000))
    const stop = new AbortController()
    const work = async () => {
      for await (const part of readLines(file, { signal: stop.signal })) stop.abort(part.length)
    }
    await expect(work()).rejects.toBeDefined()
    expect(stop.signal.aborted).toBe(true)
  })
})
