import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { createLogger } from '#cli/logger.ts'
import { temporaryFolder } from './temporary.ts'

describe('createLogger', () => {
  test('writes JSON lines with amounts as texts and without secrets', () => {
    const path = join(temporaryFolder(), 'logs', 'worker.log')
    const log = createLogger({ name: 'worker', level: 'info', path })
    log.child({ jobId: '0x1' }).info({ paidWei: 5n, password: 'secret' }, 'paid')
    log.debug({}, 'not written')
    const lines = readFileSync(path, 'utf8').trim().split('\n')
    expect(lines).toHaveLength(1)
    const line = JSON.parse(lines[0] as string) as Record<string, unknown>
    expect(line).toMatchObject({
      level: 'info',
      name: 'worker',
      jobId: '0x1',
      paidWei: '5',
      msg: 'paid',
    })
    expect(line).not.toHaveProperty('password')
  })
})
