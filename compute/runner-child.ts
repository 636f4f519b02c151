/** The runner's process: takes calls one after another, ends when its parent is gone. Loads no native add-on. */
import { setImmediate as nextTurn } from 'node:timers/promises'
import { AppError } from '#base/error.ts'
import { type MethodName, type Reply, type Request, faultOf } from './runner-message.ts'
import type { AggregateTask, EvaluateTask, PredictTask, RunnerJob, TrainTask } from './runner.ts'
import { type Session, openSession } from './train/session.ts'

let session: Session | undefined
let queue: Promise<void> = Promise.resolve()
const aborted = new Set<number>()

process.on('disconnect', () => process.exit(0))
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
    session = await openSession(task as RunnerJob)
    return session.opened
  }
  if (!session) throw new AppError({ code: 'RUNNER_NOT_OPEN' })
  switch (method) {
    case 'initialState':
      return session.initialState(task as Parameters<Session['initialState']>[0])
    case 'inspect':
      return session.inspect(task as string)
    case 'train':
      return session.train(task as TrainTask, async (step, loss) => {
        send({ kind: 'step', id, step, loss })
        await nextTurn() // lets an abort or the parent's end come in
        requireWanted(id)
      })
    case 'aggregate':
      return session.aggregate(task as AggregateTask)
    case 'evaluate':
      return session.evaluate(task as EvaluateTask)
    case 'predict':
      return session.predict(task as PredictTask)
  }
}

function requireWanted(id: number): void {
  if (aborted.has(id)) throw new AppError({ code: 'ABORTED' })
}

function send(reply: Reply): void {
  if (process.connected) process.send?.(reply)
}
