/** Completes package-lock.json after an install from a registry that lacks packages of other platforms. */
import { readFileSync, writeFileSync } from 'node:fs'
import { completeLock } from './lock.ts'
import { root } from './tools.ts'

const path = `${root}/package-lock.json`
writeFileSync(path, completeLock(readFileSync(path, 'utf8')))
