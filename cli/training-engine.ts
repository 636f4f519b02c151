import { AppError } from '#base/error.ts'
import { isInstalled, knownBackendOf } from '#compute/backends/known.ts'
import type { Runner } from '#compute/runner.ts'
import { createRunner } from '#compute/runner-process.ts'
import { createTolerantRunner } from '#compute/tolerant-runner.ts'
import { jobModes } from '#wire/market.ts'

const exactBackend = 'exact'

/**
 * Opens the engine for jobs of a mode (`Terms.mode`): the exact one, but for the training of tolerant jobs where the owner
 * named another. Throws BACKEND_UNKNOWN, BACKEND_MISSING.
 */
export function trainingEngineOf(backend: string): (mode: number) => Runner {
  if (backend === exactBackend) return () => createRunner()
  const known = knownBackendOf(backend)
  if (!isInstalled(known)) {
    const { name, install } = known
    throw new AppError({
      code: 'BACKEND_MISSING',
      backend,
      message: `${name} is not installed: ${install}`,
    })
  }
  return (mode) =>
    mode === jobModes.tolerant
      ? createTolerantRunner(createRunner(), createRunner(), backend)
      : createRunner()
}
