/** Which development account plays which part in a local network; 32 of them are funded in its genesis. */
export const devRoles = {
  /** The first is funded; the others lie beyond the funded accounts. */
  validator: (index: number) => (index === 0 ? 0 : 31 + index),
  client: 1,
  workerOwner: (index: number) => 2 + index,
  evaluatorOwner: (index: number) => 10 + index,
  workerOperator: (index: number) => 18 + index,
  evaluatorOperator: (index: number) => 26 + index,
} as const

export const devWorkersMax = 8
export const devEvaluatorsMax = 6
export const devValidatorsMax = 16
