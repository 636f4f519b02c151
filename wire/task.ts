import { z } from 'zod'

/** What a job is about: a class or a value of each row, or the next token of a text. */
export const taskSchema = z.enum(['classify', 'regress', 'language-model'])
