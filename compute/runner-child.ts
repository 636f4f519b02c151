/** The runner's process: takes calls one after another, ends when its parent is gone. Loads no native add-on. */
import { setImmediate as nextTurn } from 'node:timers/promises'
import { AppError } from '#base/error.ts'
import { type MethodName, type Reply, type Request, faultOf } from './runner-message.ts'
import type {
  AggregateTask,
  BatchesTask,
  EvaluateTask,
  GenerateTask,
  InitialTask,
  PredictTask,
  RunnerJob,
  TrainTask,
  TranscribeTask,
} from './runner.ts'
import { type Session, openSession } from './train/session.ts'

let session: Session | undefined
let queue: Promise<void> = Promise.resolve()
const aborted = new Set<number>()
let isOrphan = false

process.on('disconnect', () => (isOrphan = true)) // the work stops at its next step, then nothing is left to do
process.on('message', (request: Request) => {
  if (request.kind === 'abort') aborted.add(request.id)
  else queue = queue.then(() => answer(request))
})

async function answer({ id, method, task }: Request & { kind: 'call' }): Promise<void> {
  try {
    requireWanted(id)
    send({ kind: 'result', id, result: await perform(id, method, task) })
  } catch (error) {
    send({ kind: 'error', id, fault: faultOf(error) })
  } finally {
    aborted.delete(id)
  }
}

async function perform(id: number, method: MethodName, task: unknown): Promise<unknown> {
  if (method === 'open') {
    await session?.close()
    session = undefined
    session = await open(task as RunnerJob)
    return session.opened
  }
  if (!session) throw new AppError({ code: 'RUNNER_NOT_OPEN' })
  return performers[method](session, task, id)
}

/** Foreign code is loaded only where the job asks for it. */
async function open({ backend, ...job }: RunnerJob): Promise<Session> {
  if (backend === undefined) return openSession(job)
  const { openBackendSession } = await import('./backends/session.ts')
  return openBackendSession({ ...job, backend })
}

type Performer = (session: Session, task: unknown, id: number) => Promise<unknown>

const performers: Readonly<Record<Exclude<MethodName, 'open'>, Performer>> = {
  initialState: (open, task) => open.initialState(task as InitialTask),
  inspect: (open, task) => open.inspect(task as string),
  train: (open, task, id) => open.train(task as TrainTask, (step, loss) => report(id, step, loss)),
  transcribe: (open, task) => open.transcribe(task as TranscribeTask),
  batches: (open, task) => open.batches(task as BatchesTask),
  aggregate: (open, task) => open.aggregate(task as AggregateTask),
  evaluate: (open, task) => open.evaluate(task as EvaluateTask),
  predict: (open, task) => open.predict(task as PredictTask),
  generate: (open, task, id) => open.generate(task as GenerateTask, (token) => tell(id, token)),
}

async function report(id: number, step: number, loss: number): Promise<void> {
  send({ kind: 'step', id, step, loss })
  await nextTurn() // lets an abort or the parent's end come in
  requireWanted(id)
}

async function tell(id: number, token: number): Promise<void> {
  send({ kind: 'token', id, token })
  await nextTurn()
  requireWanted(id)
}

function requireWanted(id: number): void {
  if (isOrphan || aborted.has(id)) throw new AppError({ code: 'ABORTED' })
}

function send(reply: Reply): void {
  if (process.connected) process.send?.(reply, () => {})
}
