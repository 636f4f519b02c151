import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, onTestFinished, test } from 'vitest'
import type { Manifest } from '#wire/manifest.ts'
import { quern, startWorld, summaryOf } from './local-world.ts'

const subjects = ['The miller', 'A farmer', 'My neighbour', 'The old mare']
const verbs = ['turns', 'carries', 'sees', 'leaves']
const objects = ['the stone', 'a sack of corn', 'the river', 'an empty barn']

/** Sentences of a small grammar. */
function textOf(sentences: number): string {
  return Array.from({ length: sentences }, (_, i) => {
    const pick = (words: readonly string[], by: number) => words[Math.floor(i / by + i * i) % 4]
    return `${pick(subjects, 1)} ${pick(verbs, 3)} ${pick(objects, 7)}.\n`
  }).join('')
}

test(
  'a text becomes a language model in the market, and the model writes',
  { timeout: 900_000 },
  async () => {
    const world = await startWorld(['--workers', '2', '--evaluators', '2'])
    onTestFinished(() => world.stop())
    const file = join(world.dataDir, 'text.txt')
    writeFileSync(file, textOf(700))
    const flags = ['--task', 'language-model', '--context', '32', '--workers', '2']
    const posted = await world.post([file], flags)
    const summary = summaryOf(posted)
    expect(posted.exitCode, posted.err).toBe(0)
    expect(summary).toMatchObject({ phase: 'settled', isBalanced: true, attempts: 1 })
    expect(summary.metric.name).toBe('accuracy')
    expect(summary.metric.value).toBeGreaterThan(0.6)
    for (const worker of summary.workers) expect(worker.paidWei).toBeGreaterThan(0n)

    const { dataDir } = world
    const directory = join(dataDir, 'model')
    const fetched = await quern(['job', 'result', summary.jobId, '--out', directory], { dataDir })
    expect(fetched.exitCode, fetched.err).toBe(0)
    const manifest = JSON.parse(readFileSync(join(directory, 'manifest.json'), 'utf8')) as Manifest
    expect(manifest).toMatchObject({
      task: 'language-model',
      preprocessing: { kind: 'text', vocabulary: 'bytes' },
    })

    const write = async (prompt: string, ...more: string[]) => {
      const run = await quern(['predict', directory, '--prompt', prompt, ...more], { dataDir })
      expect(run.exitCode, run.err).toBe(0)
      const parts = run.lines.filter(({ event }) => event === 'text')
      const whole = run.lines.at(-1)?.['text']
      expect(parts.map(({ text }) => text).join('')).toBe(whole)
      return String(whole)
    }
    const chance = ['--temperature', '0.9', '--top-k', '20', '--top-p', '0.95', '--tokens', '60']
    const greedy = await write('The mil', '--tokens', '60')
    expect(greedy).toMatch(/^ler [a-z]+ /)
    expect(greedy).toHaveLength(60)
    const [first, again, other] = [
      await write('A farmer ', ...chance, '--seed', '1'),
      await write('A farmer ', ...chance, '--seed', '1'),
      await write('A farmer ', ...chance, '--seed', '2'),
    ]
    expect(again).toBe(first)
    expect(other).not.toBe(first)

    const verified = await quern(['verify', summary.jobId, '--full'], { dataDir })
    expect(verified.exitCode, verified.err).toBe(0)
    expect(verified.lines.at(-1)).toMatchObject({ event: 'verified' })
  },
)
