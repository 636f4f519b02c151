/** Writes NOTICE: the licences of everything that runs. */
import { readFileSync, writeFileSync } from 'node:fs'
import { noticeText } from './notice.ts'
import { root } from './tools.ts'

writeFileSync(`${root}/NOTICE`, noticeText(readFileSync(`${root}/package-lock.json`, 'utf8')))
console.log('NOTICE')
