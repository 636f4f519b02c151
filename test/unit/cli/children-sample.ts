/** A child for the tests of `spawnQuern`: behaves as its first argument says. */
import { tellParent } from '#cli/children.ts'
import { stoppingSignal, untilStopped } from '#cli/stopping.ts'

const mode = process.argv[2]
setInterval(() => undefined, 1000)
if (mode === 'fail') process.exit(3)
if (mode === 'stubborn') process.on('SIGTERM', () => undefined)
if (mode === 'echo') {
  process.on('message', (message: { say: string }) => tellParent({ said: message.say }))
}
if (mode === 'serve') void serve()
if (mode !== 'silent') tellParent({ kind: 'ready' })

async function serve(): Promise<void> {
  console.log('serving')
  console.error('a warning')
  const stopping = stoppingSignal()
  await untilStopped(stopping)
  console.log((stopping.reason as Error).message)
  process.exit(0)
}
