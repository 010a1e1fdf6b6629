/* args_sound.c - sound of the command line: -audiodev, sound cards, -machine pcspk-audiodev= (args_spec.h). */
#include "frontend/args_spec.h"
#include <string.h>

static const char *const models[] = {
#define SOUND(word, name, help) name,
#include "frontend/machine/sounds.def"
#undef SOUND
};

/* What says how the host is to play it, and nothing of what is played. @r: a value that would be played otherwise. */
static bool host_key(const struct items *it, enum vm_err *r, struct err *e)
{
	static const char *const keys[] = {"timer-period", "server", "out.mixing-engine", "out.fixed-settings", "out.voices", "out.buffer-length",
		"out.buffer-count", "out.latency", "out.name", "out.stream-name", "out.dev", "out.try-poll", "out.period-length"};

	if ((!strcmp(it->key, "out.channels") && strcmp(it->val, "2")) || (!strcmp(it->key, "out.format") && strcmp(it->val, "s16")))
		*r = err_set(e, VM_ERR_USAGE, "-audiodev: %s=%s is not supported: samples are s16, in 2 channels", it->key, it->val);
	if (!strncmp(it->key, "in.", 3) || !strcmp(it->key, "out.channels") || !strcmp(it->key, "out.format"))
		return true;
	for (unsigned i = 0; i < ARRAY_SIZE(keys); i++)
		if (!strcmp(it->key, keys[i]))
			return true;
	return false;
}

enum vm_err spec_audiodev(struct args *a, const char *v, struct err *e)
{
	/* those behind SDL's are ways to the host's sound that SDL chooses among by itself */
	static const char *const drivers[] = {"none", "wav", "sdl", "alsa", "pa", "pipewire", "oss", "jack", "coreaudio", "dsound"};
	static const char *const keys[] = {"driver", "id", "path", "out.frequency"};
	struct audio_options *o = &a->audiodev[a->naudiodevs];
	struct items it;
	unsigned k, n;
	uint64_t rate;
	enum vm_err r = VM_OK;

	if (a->naudiodevs == ARGS_MAX_AUDIODEVS)
		return err_set(e, VM_ERR_USAGE, "-audiodev: at most %u", ARGS_MAX_AUDIODEVS);
	*o = (struct audio_options){.path = "dragoman.wav", .rate = 44100};
	items_begin(&it, a, v, "driver");
	while (!r && items_next(&it)) {
		if (host_key(&it, &r, e))
			continue;
		r = spec_choice("audiodev", "key", it.key, keys, ARRAY_SIZE(keys), &k, e);
		if (!r && k == 0) {
			r = spec_choice("audiodev", "driver", it.val, drivers, ARRAY_SIZE(drivers), &n, e);
			if (!r && n > AUDIO_SDL)
				spec_warn(a, "-audiodev: '%s': sound goes to the host by SDL", it.val);
			o->driver = r ? AUDIO_NONE : n > AUDIO_SDL ? AUDIO_SDL : (enum audio_driver)n;
		} else if (!r && k == 1) {
			snprintf(o->id, sizeof(o->id), "%s", it.val);
		} else if (!r && k == 2) {
			o->path = it.val;
		} else if (!r) {
			r = spec_number("audiodev", it.val, 192000, &rate, e);
			o->rate = (unsigned)rate;
			if (!r && rate < 8000)
				r = err_set(e, VM_ERR_USAGE, "-audiodev: out.frequency=%s is not 8000..192000", it.val);
		}
	}
	if (!r && !o->id[0])
		return err_set(e, VM_ERR_USAGE, "-audiodev: '%s' has no id=", v);
	for (unsigned i = 0; i < a->naudiodevs && !r; i++)
		if (!strcmp(a->audiodev[i].id, o->id))
			return err_set(e, VM_ERR_USAGE, "-audiodev: the id '%s' is taken", o->id);
	a->naudiodevs += !r;
	return r;
}

bool spec_is_sound(const char *driver)
{
	for (unsigned i = 0; i < ARRAY_SIZE(models); i++)
		if (!strcmp(driver, models[i]))
			return true;
	return false;
}

/* What the card has jumpers or mixer bits for. @k: iobase, irq, dma, dma16, version. An AdLib card has the first, which Sound Blasters share. */
static enum vm_err isa_key(struct config_sound *s, unsigned k, const char *key, const char *v, struct err *e)
{
	static const uint16_t good[5][5] = {{0x220, 0x240, 0x260, 0x280}, {5, 7, 9, 10}, {1, 3, 0}, {5, 6, 7}, {0x405}};
	static const uint8_t count[5] = {4, 4, 3, 3, 1};
	uint64_t n;
	enum vm_err r = spec_number("device", v, UINT16_MAX, &n, e);

	for (unsigned i = 0; i < count[k] && !r; i++) {
		if (n != good[k][i])
			continue;
		if (k == 0)
			s->iobase = (uint16_t)n;
		else if (k < 4)
			*(k == 1 ? &s->irq : k == 2 ? &s->dma : &s->dma16) = (uint8_t)n;
		return VM_OK;
	}
	return r ? r : err_set(e, VM_ERR_USAGE, "-device: %s has no %s=%s", models[s->model], key, v);
}

enum vm_err spec_sound_device(struct args *a, const char *driver, struct items *it, struct err *e)
{
	static const char *const pci[] = {"audiodev", "id", "bus", "addr"};
	static const char *const isa[] = {"audiodev", "id", "iobase", "irq", "dma", "dma16", "version"};
	struct args_sound *s = &a->sound[a->nsounds];
	unsigned nisa;
	bool is_isa;
	unsigned k = 0;
	uint64_t n;
	enum vm_err r;

	if (a->nsounds == CONFIG_MAX_SOUND)
		return err_set(e, VM_ERR_USAGE, "-device: at most %u sound cards", CONFIG_MAX_SOUND);
	*s = (struct args_sound){.card = {.slot = -1, .iobase = 0x220, .irq = 5, .dma = 1, .dma16 = 5}};
	r = spec_choice("device", "sound card", driver, models, ARRAY_SIZE(models), &k, e);
	s->card.model = (enum config_sound_model)k;
	is_isa = s->card.model != SOUND_AC97;
	nisa = s->card.model == SOUND_ADLIB ? 3 : ARRAY_SIZE(isa);
	for (unsigned i = 0; i < a->nsounds && !r && is_isa; i++)
		if (a->sound[i].card.model == s->card.model)
			r = err_set(e, VM_ERR_USAGE, "-device: one %s is what the machine has room for", driver);
	while (!r && items_next(it)) {
		r = spec_choice("device", "property", it->key, is_isa ? isa : pci, is_isa ? nisa : ARRAY_SIZE(pci), &k, e);
		if (!r && k == 0) {
			snprintf(s->audiodev, sizeof(s->audiodev), "%s", it->val);
		} else if (!r && is_isa && k > 1) {
			r = isa_key(&s->card, k - 2, it->key, it->val, e);
		} else if (!r && k == 3) {
			r = spec_number("device", it->val, 31, &n, e);
			s->card.slot = (int)n;
		}
	}
	a->nsounds += !r;
	return r;
}

/* DRIVER,model=CARD,...: a card and where its sound goes, in one */
enum vm_err spec_audio(struct args *a, const char *v, struct err *e)
{
	char spec[512], card[64] = "", id[32];
	const char *comma = strstr(v, ",model="), *end = comma ? strchr(comma + 1, ',') : NULL;
	enum vm_err r;

	snprintf(id, sizeof(id), "#audio%u", a->naudiodevs);
	snprintf(spec, sizeof(spec), "%.*s%s,id=%s", comma ? (int)(comma - v) : (int)strlen(v), v, end ? end : "", id);
	r = spec_audiodev(a, spec, e);
	if (r || !comma)
		return r;
	comma += strlen(",model=");
	snprintf(card, sizeof(card), "%.*s", end ? (int)(end - comma) : (int)strlen(comma), comma);
	if (!strcmp(card, "pcspk")) {
		a->pcspk_audiodev = spec_keep(a, id);
		return VM_OK;
	}
	snprintf(spec, sizeof(spec), "%s,audiodev=%s", card, id);
	return spec_device(a, spec, e);
}

/* The old form: cards, separated by commas, whose sound goes to the first -audiodev. */
enum vm_err spec_soundhw(struct args *a, const char *v, struct err *e)
{
	static const char *const cards[] = {"ac97", "sb16", "adlib", "pcspk", "all"};
	char *save = NULL;
	unsigned n;

	for (char *w = strtok_r(spec_keep(a, v), ",", &save); w; w = strtok_r(NULL, ",", &save)) {
		if (spec_choice("soundhw", "card", w, cards, ARRAY_SIZE(cards), &n, e))
			return e->code;
		a->pcspk_first |= n >= 3;
		for (unsigned i = 0; i < 3; i++)
			if ((n == i || n == 4) && spec_device(a, cards[i], e))
				return e->code;
	}
	return VM_OK;
}

static enum vm_err find(const struct args *a, const char *opt, const char *id, unsigned *at, struct err *e)
{
	for (*at = 0; *at < a->naudiodevs; ++*at)
		if (!strcmp(a->audiodev[*at].id, id))
			return VM_OK;
	return err_set(e, VM_ERR_USAGE, "-%s: no -audiodev has the id '%s'", opt, id);
}

enum vm_err spec_sound_finish(struct args *a, struct err *e)
{
	enum vm_err r = VM_OK;

	if (a->pcspk_first && !a->pcspk_audiodev && a->naudiodevs)
		a->pcspk_audiodev = a->audiodev[0].id;
	for (unsigned i = 0; i < a->nsounds && !r; i++)
		if (a->sound[i].audiodev[0])
			r = find(a, "device", a->sound[i].audiodev, &a->sound[i].at, e);
	if (!r && a->pcspk_audiodev)
		r = find(a, "machine", a->pcspk_audiodev, &a->pcspk_at, e);
	return r;
}
