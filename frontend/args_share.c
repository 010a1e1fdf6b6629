/* args_share.c - folders of the host on the command line: -virtfs, -fsdev, -device virtio-9p-pci (args_spec.h). */
#include "frontend/args_spec.h"
#include <string.h>

#define TAG_MAX 32

static struct args_folder *new_folder(struct args *a, const char *opt, struct err *e)
{
	if (a->nfolders == CONFIG_MAX_FOLDERS) {
		err_set(e, VM_ERR_USAGE, "-%s: at most %u folders can be shared", opt, CONFIG_MAX_FOLDERS);
		return NULL;
	}
	a->folder[a->nfolders] = (struct args_folder){0};
	return &a->folder[a->nfolders];
}

static enum vm_err model_of(const char *opt, const char *v, struct share_options *o, struct err *e)
{
	static const char *const models[] = {"none", "passthrough", "mapped-xattr", "mapped"};
	unsigned n;
	enum vm_err r;

	if (!strcmp(v, "mapped-file"))
		return err_set(e, VM_ERR_USAGE, "-%s: security_model=mapped-file is not supported: none, passthrough or mapped-xattr", opt);
	r = spec_choice(opt, "security_model", v, models, ARRAY_SIZE(models), &n, e);
	o->model = n < SHARE_MAPPED ? (enum share_model)n : SHARE_MAPPED;
	return r;
}

static enum vm_err folder_key(const char *opt, struct args_folder *f, const struct items *it, bool *has_model, struct err *e)
{
	enum { DRIVER, ID, PATH, MODEL, READONLY, WRITEOUT, MULTIDEVS, TAG };
	static const char *const keys[] = {"fsdriver", "id", "path", "security_model", "readonly", "writeout", "multidevs", "mount_tag"};
	static const char *const devs[] = {"remap", "warn", "forbid"}, *const outs[] = {"immediate"};
	unsigned k, n;
	enum vm_err r = spec_choice(opt, "key", it->key, keys, !strcmp(opt, "virtfs") ? ARRAY_SIZE(keys) : TAG, &k, e);

	if (r)
		return r;
	switch (k) {
	case DRIVER:
		return strcmp(it->val, "local") ? err_set(e, VM_ERR_USAGE, "-%s: '%s' is not supported, only 'local'", opt, it->val) : VM_OK;
	case ID:
		snprintf(f->id, sizeof(f->id), "%s", it->val);
		return VM_OK;
	case PATH:
		f->options.path = it->val;
		return VM_OK;
	case MODEL:
		*has_model = true;
		return model_of(opt, it->val, &f->options, e);
	case READONLY:
		return spec_switch(opt, "readonly", it->val, &f->options.readonly, e);
	case WRITEOUT:
		f->options.immediate = true;
		return spec_choice(opt, "writeout", it->val, outs, ARRAY_SIZE(outs), &n, e);
	case MULTIDEVS: /* inode numbers are told apart always, as with remap */
		r = spec_choice(opt, "multidevs", it->val, devs, ARRAY_SIZE(devs), &n, e);
		f->options.one_device = !r && n == 2;
		return r;
	default:
		f->tag = it->val;
		return VM_OK;
	}
}

static enum vm_err check_tag(const char *opt, const char *tag, struct err *e)
{
	return !tag || !*tag || strlen(tag) > TAG_MAX
		? err_set(e, VM_ERR_USAGE, "-%s: mount_tag= of 1 to %u characters is needed: what the guest mounts", opt, TAG_MAX) : VM_OK;
}

static enum vm_err folder(struct args *a, const char *opt, const char *v, struct err *e)
{
	struct args_folder *f = new_folder(a, opt, e);
	struct items it;
	bool has_model = false;
	enum vm_err r = f ? VM_OK : VM_ERR_USAGE;

	items_begin(&it, a, v, "fsdriver");
	while (!r && items_next(&it))
		r = folder_key(opt, f, &it, &has_model, e);
	if (!r && !f->options.path)
		r = err_set(e, VM_ERR_USAGE, "-%s: '%s' has no path=", opt, v);
	if (!r && !has_model)
		r = err_set(e, VM_ERR_USAGE, "-%s: security_model=none, passthrough or mapped-xattr is needed", opt);
	for (unsigned i = 0; i < a->nfolders && !r; i++)
		if (f->id[0] && !strcmp(a->folder[i].id, f->id))
			r = err_set(e, VM_ERR_USAGE, "-%s: the id '%s' is taken", opt, f->id);
	a->nfolders += !r;
	return r;
}

enum vm_err spec_virtfs(struct args *a, const char *v, struct err *e)
{
	enum vm_err r = folder(a, "virtfs", v, e);

	return r ? r : check_tag("virtfs", a->folder[a->nfolders - 1].tag, e);
}

enum vm_err spec_fsdev(struct args *a, const char *v, struct err *e)
{
	enum vm_err r = folder(a, "fsdev", v, e);

	if (!r && !a->folder[a->nfolders - 1].id[0])
		r = err_set(e, VM_ERR_USAGE, "-fsdev: '%s' has no id=", v);
	return r;
}

bool spec_is_share(const char *driver)
{
	return !strcmp(driver, "virtio-9p-pci") || !strcmp(driver, "virtio-9p");
}

enum vm_err spec_share_device(struct args *a, const char *driver, struct items *it, struct err *e)
{
	struct args_mount *m = &a->mount[a->nmounts];

	if (a->nmounts == CONFIG_MAX_FOLDERS)
		return err_set(e, VM_ERR_USAGE, "-device: at most %u of %s", CONFIG_MAX_FOLDERS, driver);
	*m = (struct args_mount){NULL, NULL};
	while (items_next(it)) {
		if (!strcmp(it->key, "fsdev"))
			m->fsdev = it->val;
		else if (!strcmp(it->key, "mount_tag"))
			m->tag = it->val;
		else if (strcmp(it->key, "id"))
			return err_set(e, VM_ERR_USAGE, "-device: %s has no property '%s'", driver, it->key);
	}
	if (!m->fsdev)
		return err_set(e, VM_ERR_USAGE, "-device: %s needs fsdev=, the id of a -fsdev", driver);
	a->nmounts++;
	return check_tag("device", m->tag, e);
}

/* Each -device takes its -fsdev; tags are names for the guest, so there is one of each. */
enum vm_err spec_share_finish(struct args *a, struct err *e)
{
	for (unsigned i = 0; i < a->nmounts; i++) {
		unsigned n = 0;

		while (n < a->nfolders && strcmp(a->folder[n].id, a->mount[i].fsdev))
			n++;
		if (n == a->nfolders)
			return err_set(e, VM_ERR_USAGE, "-device: no -fsdev has the id '%s'", a->mount[i].fsdev);
		if (a->folder[n].tag)
			return err_set(e, VM_ERR_USAGE, "-device: the folder '%s' is shared already", a->mount[i].fsdev);
		a->folder[n].tag = a->mount[i].tag;
	}
	for (unsigned i = 0; i < a->nfolders; i++)
		for (unsigned k = 0; k < i; k++)
			if (a->folder[i].tag && a->folder[k].tag && !strcmp(a->folder[i].tag, a->folder[k].tag))
				return err_set(e, VM_ERR_USAGE, "-virtfs: two folders have the mount_tag '%s'", a->folder[i].tag);
	return VM_OK;
}
