import { readFile, readdir } from 'node:fs/promises'
import { describe, expect, test } from 'vitest'
import { systemAddresses } from '#wire/addresses.ts'
import { generatedAbis } from '#scripts/gen-abi.ts'

const folder = new URL('../../../', import.meta.url)

describe('generatedAbis', () => {
  test('gives the committed files, byte for byte, and no others', async () => {
    const files = await generatedAbis()
    const names = (await readdir(new URL('wire/abi/', folder))).map((name) => `wire/abi/${name}`)
    expect(names.toSorted()).toEqual([...files.keys()].toSorted())
    for (const [path, text] of files) {
      const committed = await readFile(new URL(path, folder), 'utf8')
      expect(committed === text, `${path} is stale: run npm run gen`).toBe(true)
    }
  })

  test('keeps every contract below the size that chains accept', async () => {
    const bytecode = JSON.parse((await generatedAbis()).get('wire/abi/bytecode.json') ?? '{}')
    const codes = Object.entries(bytecode as Record<string, string>)
    expect(codes.length).toBe(Object.keys(systemAddresses).length)
    for (const [name, code] of codes) {
      expect(code, `${name} is linked`).toMatch(/^0x[0-9a-f]+$/)
      expect((code.length - 2) / 2, name).toBeLessThan(2 * 24_576)
    }
  })
})
