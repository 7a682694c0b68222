/** Whether all is asked for that takes hours: `make vm-all`. A suite that chooses says what it left out. */
export const isAll = process.env.VM_ALL === '1';
