"""Sound: files as blocks of 16 kHz, and the streams that are made of them."""

from kerasfuse.recordings.sound.log_mel import log_mel as log_mel
from kerasfuse.recordings.sound.prosody import prosody as prosody
from kerasfuse.recordings.sound.reading import RATE as RATE
from kerasfuse.recordings.sound.reading import Sound as Sound
