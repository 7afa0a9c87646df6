import { LabIcon } from '@jupyterlab/ui-components';

import svgstr from '../style/icons/audit.svg';

export const auditIcon = new LabIcon({ name: 'audit-lab:audit', svgstr });
