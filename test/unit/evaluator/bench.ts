import { afterAll } from 'vitest'
import type { Hex } from '#wire/primitives.ts'
import { createWorld } from '../p2p/world.ts'
import { type Case, buildCase, openHub, serveAll } from './case.ts'

/** What the tests of a file share, closed after them: nodes, and an attempt of honest workers on them. */
export async function openBench() {
  const world = createWorld()
  afterAll(() => world.end())
  const hub = await openHub(world)
  return { world, hub, honest: await buildCase(hub) }
}

/** Serves the states of all but one worker; the windows that it gives end when everything else has been judged. */
export async function serveWithout(made: Case, silent: Hex) {
  await serveAll(made, ({ worker }) => worker === silent)
  const over = new AbortController()
  const others = made.drawn.filter(({ kind, worker }) => kind === 'local' && worker !== silent)
  const onTold = (count: number) => count >= others.length && over.abort()
  return { serving: over.signal, sharing: over.signal, onTold }
}
