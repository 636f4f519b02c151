import { readFileSync } from 'node:fs'
import { describe, expect, test } from 'vitest'
import packageJson from '#package.json' with { type: 'json' }
import { noticeText } from '#scripts/notice.ts'

const read = (name: string) => readFileSync(new URL(`../../../${name}`, import.meta.url), 'utf8')

describe('NOTICE', () => {
  test('is what "npm run gen" writes from package-lock.json', () => {
    expect(read('NOTICE')).toBe(noticeText(read('package-lock.json')))
  })

  test('names every dependency of package.json with its version and licence', () => {
    for (const [name, version] of Object.entries(packageJson.dependencies)) {
      expect(read('NOTICE')).toMatch(new RegExp(`^ {2}${name} ${version} \\(.+\\)$`, 'm'))
    }
    expect(read('NOTICE')).not.toContain('no licence stated')
  })

  test('leaves development packages out, but for what is compiled in', () => {
    expect(read('NOTICE')).not.toMatch(/^ {2}vitest /m)
    expect(read('NOTICE')).toMatch(/^ {2}@openzeppelin\/contracts /m)
  })
})
