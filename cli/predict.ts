import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Command } from 'commander'
import { AppError } from '#base/error.ts'
import { type Prediction, predictFiles } from '#compute/infer/predict.ts'
import { createRunner } from '#compute/runner-process.ts'
import type { Context } from './context.ts'

/** Predicts and prints one line a row. */
export async function runPredict(
  context: Context,
  command: Command,
  { modelDir, files }: { modelDir: string; files: readonly string[] },
): Promise<void> {
  if (files.length === 0) {
    throw new AppError({ code: 'USAGE', message: 'give files to predict, or --prompt' })
  }
  const { threads } = await context.settings(command)
  const { header, integer } = command.opts<{ header: boolean; integer?: boolean }>()
  const scratchDirectory = mkdtempSync(join(tmpdir(), 'quern-'))
  const runner = createRunner()
  try {
    const { rows } = await predictFiles(modelDir, files, {
      runner,
      scratchDirectory,
      noHeader: header ? undefined : true,
      threads,
      isInteger: integer,
      signal: context.stopping,
    })
    for (const [row, prediction] of rows.entries()) {
      context.output.print({ event: 'prediction', row, ...prediction }, textOf(prediction))
    }
  } finally {
    await runner.close()
    rmSync(scratchDirectory, { recursive: true, force: true })
  }
}

function textOf(prediction: Prediction): string {
  return 'label' in prediction ? prediction.label : String(prediction.value)
}
