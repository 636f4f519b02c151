import { describe, expect, test } from 'vitest'
import { AppError } from '#base/error.ts'
import { exitCodeOf } from '#cli/exit-codes.ts'
import { createOutput } from '#cli/output.ts'

function captured(isJson: boolean) {
  const written = { out: '', err: '' }
  const sink = (name: 'out' | 'err') => ({ write: (text: string) => (written[name] += text) })
  return { written, output: createOutput({ out: sink('out'), err: sink('err') }, () => isJson) }
}

describe('createOutput', () => {
  test('prints text or one JSON line, amounts as decimal texts', () => {
    const event = { event: 'paid', paidWei: 10n ** 21n }
    const asText = captured(false)
    asText.output.print(event, 'paid 1000 TRAIN')
    asText.output.print(event)
    expect(asText.written.out).toBe('paid 1000 TRAIN\n')
    const asJson = captured(true)
    asJson.output.print(event, 'paid 1000 TRAIN')
    expect(JSON.parse(asJson.written.out)).toEqual({ event: 'paid', paidWei: `1${'0'.repeat(21)}` })
  })

  test('a failure goes to standard error, and into the JSON with its fields', () => {
    const error = new AppError({ code: 'COLUMN_MISSING', column: 'species' })
    const { written, output } = captured(true)
    output.fail(error)
    expect(written.err).toBe('error COLUMN_MISSING: column=species\n')
    expect(JSON.parse(written.out)).toMatchObject({
      event: 'error',
      code: 'COLUMN_MISSING',
      column: 'species',
    })
  })

  test('an error of no kind of ours is shown as a defect, with its stack', () => {
    const { written, output } = captured(false)
    output.fail(new TypeError('undefined is not a function'))
    expect(written.err).toMatch(/^defect: TypeError: undefined is not a function\n\s+at /)
    expect(written.out).toBe('')
  })
})

describe('exitCodeOf', () => {
  test.each([
    ['JOB_UNKNOWN', 1],
    ['CONFIG_INVALID', 2],
    ['FILE_EMPTY', 3],
    ['RPC_DOWN', 4],
    ['VERIFY_FAILED', 5],
    ['CHECKPOINT_MISMATCH', 5],
    ['PROOF_INVALID', 5],
    ['TRUST_MISSING', 2],
    ['MODEL_DIFFERS', 5],
    ['DATA_DIR_LOCKED', 6],
    ['WRONG_PASSWORD', 7],
  ])('%s is %i', (code, exitCode) => {
    expect(exitCodeOf(new AppError({ code }))).toBe(exitCode)
  })

  test('whatever is wrong with a file of the user’s is 3', () => {
    const error = new AppError({ code: 'ROW_RAGGED', file: 'a.csv', line: 3 })
    expect(exitCodeOf(error)).toBe(3)
  })

  test('a defect is 70', () => {
    expect(exitCodeOf(new TypeError('x'))).toBe(70)
  })
})
