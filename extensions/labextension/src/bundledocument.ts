import { ABCWidgetFactory, type DocumentRegistry, DocumentWidget, TextModelFactory } from '@jupyterlab/docregistry';

import { auditIcon } from './icon';
import type { JobsModel } from './jobs';
import type { SettingsModel } from './settings';
import { VerificationWidget } from './verification';

export const BUNDLE_FACTORY = 'Evidence Bundle';
const FILE_TYPE = 'audit-lab-bundle';
const MODEL = 'audit-lab-bundle';

/** A bundle as a document: its verification. Nothing of the file comes into the browser. */
export type BundleDocument = DocumentWidget<VerificationWidget>;

/** A model of no content: the server reads the file, and no browser has to hold it. */
class BundleModelFactory extends TextModelFactory {
  override get name(): string {
    return MODEL;
  }

  override get contentType(): 'file' {
    return 'file';
  }

  override get fileFormat(): DocumentRegistry.IFileType['fileFormat'] {
    return null;
  }
}

class BundleFactory extends ABCWidgetFactory<BundleDocument> {
  constructor(
    private readonly jobs: JobsModel,
    private readonly settings: SettingsModel,
    private readonly localPath: (path: string) => string
  ) {
    super({ defaultFor: [FILE_TYPE], fileTypes: [FILE_TYPE], modelName: MODEL, name: BUNDLE_FACTORY, readOnly: true });
  }

  protected override createNewWidget(context: DocumentRegistry.Context): BundleDocument {
    const path = this.localPath(context.path);
    const content = new VerificationWidget({ kind: 'verify-bundle', path }, this.jobs, this.settings.now.trust);
    const widget = new DocumentWidget({ content, context });
    context.pathChanged.connect((_, to) => content.moved(this.localPath(to)), content);
    void context.ready.then(() => content.begin());
    return widget;
  }
}

/** Let `.zip` files be opened as bundles, and return what makes their documents. */
export function registerBundles(
  registry: DocumentRegistry,
  jobs: JobsModel,
  settings: SettingsModel,
  localPath: (path: string) => string
): ABCWidgetFactory<BundleDocument> {
  registry.addFileType({
    name: FILE_TYPE,
    displayName: 'Evidence bundle',
    contentType: 'file',
    extensions: ['.zip'],
    fileFormat: null,
    icon: auditIcon,
    mimeTypes: ['application/zip']
  });
  registry.addModelFactory(new BundleModelFactory());
  const factory = new BundleFactory(jobs, settings, localPath);
  registry.addWidgetFactory(factory as DocumentRegistry.WidgetFactory);
  return factory;
}
