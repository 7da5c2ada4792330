// Camunda's own validator on files of element templates: prints each fault, exit code 1 if there is one.
import { readFileSync } from 'node:fs';
import { validateAllZeebe } from '@bpmn-io/element-templates-validator';

for (const file of process.argv.slice(2)) {
  const { results } = validateAllZeebe(JSON.parse(readFileSync(file, 'utf8')));
  for (const { valid, object, errors } of results) {
    if (!valid) {
      process.exitCode = 1;
      for (const { message, dataPointer } of errors) {
        console.log(`${object.id}: ${message}`, dataPointer ?? '');
      }
    }
  }
}
