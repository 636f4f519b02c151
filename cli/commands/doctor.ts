import type { Command } from 'commander'
import { AppError } from '#base/error.ts'
import type { Context } from '../context.ts'
import { dataDirOf } from '../data-dir.ts'

/** `quern doctor`: says what this machine brings and what it lacks. */
export function register(program: Command, context: Context): void {
  program
    .command('doctor')
    .description('look at this machine: run time, hardware, disk, kernels, optional parts')
    .action(async () => {
      const { examine } = await import('../doctor.ts')
      const dataDir = dataDirOf(program.opts<{ dataDir?: string }>().dataDir, context.environment)
      const findings = await examine({ dataDir, environment: context.environment })
      for (const finding of findings) {
        const { name, state, text } = finding
        context.output.print(
          { event: 'finding', ...finding },
          `${state.padEnd(8)} ${name}: ${text}`,
        )
      }
      const broken = findings.filter(({ state }) => state === 'broken').map(({ name }) => name)
      if (broken.length > 0) throw new AppError({ code: 'DOCTOR_FOUND', broken: broken.join(', ') })
    })
}
