/*
 * ac97.h - Intel ICH AC'97 audio controller (PCI 8086:2415) with a codec behind it: stereo sound out, by bus-master rings.
 *
 * Input (line and microphone) runs at its rate and hears silence.
 * Sources: Intel 82801AA (ICH) data sheet, "AC'97 Audio Controller Registers (D31:F5)"; Intel, "Audio Codec '97" 2.2 and 2.3.
 */
#ifndef DEVICES_AC97_H
#define DEVICES_AC97_H

#include "devices/host/audio.h"
#include "devices/pci.h"

enum { AC97_IN, AC97_OUT, AC97_MIC, AC97_BOXES };

struct ac97_box { /* one bus-master engine */
	uint32_t base;	    /* of the list of 32 buffers */
	uint8_t civ, lvi, piv, cr;
	uint16_t sr, picb;  /* picb: samples of 16 bits left in the buffer */
	uint32_t at, flags; /* the buffer being played: next byte; the list's second dword, bits 31:16 */
	uint64_t start;	    /* ns when frame 0 was due */
	uint64_t done;	    /* frames since then */
	uint32_t rate;	    /* at which they are counted */
	uint32_t pad;
};

struct ac97_state {
	struct ac97_box box[AC97_BOXES];
	uint32_t glob_cnt, glob_sta;
	uint16_t codec[64]; /* mixer registers, by number / 2 */
	uint8_t cas, pad[7];
};

struct ac97 {
	struct device dev;
	struct pci_dev pci;
	struct clock *clock;
	struct timer timer;
	struct region mixer, master;
	struct audio_voice voice;
	struct ac97_state s;
};

/* ac97_create() - NULL if @devfn is taken; @audio may be NULL */
struct ac97 *ac97_create(struct log *log, struct clock *clock, struct pci_bus *bus, uint8_t devfn, struct audio *audio);

#endif
