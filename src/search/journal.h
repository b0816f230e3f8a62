/* Finished work of a search, kept beside its results so that a run that was killed goes on where it
 * stopped.
 *
 * <out_dir>/.eao-state/journal has one line a finding: hash, name, text. A line is complete or not
 * there: one that does not hash to what it says ends the journal, and what follows is cut off.
 * Larger things are files of their own, written whole before the line that names their hash. The
 * first line holds the key, a hash of everything that findings depend on; under another key the
 * state starts empty. */
#ifndef EAO_SEARCH_JOURNAL_H
#define EAO_SEARCH_JOURNAL_H

#include "base/base.h"

enum { EAO_JOURNAL_KEY = 32 };
typedef struct eao_journal eao_journal;

/* fresh: forget what is there. EAO_ERR_IO also when another process works in out_dir. */
eao_status eao_journal_open(eao_ctx *ctx, const char *out_dir, const uint8_t key[EAO_JOURNAL_KEY],
                            bool fresh, eao_journal **out) EAO_MUST_CHECK;
void eao_journal_close(eao_journal *j);
/* Text of a finding; NULL when there is none. Borrowed. */
const char *eao_journal_get(const eao_journal *j, const char *name);
/* Records a finding for good: it is on the disk when this returns. No line breaks in the text. */
eao_status eao_journal_put(eao_journal *j, const char *name, const char *text) EAO_MUST_CHECK;
/* A file of the state; *out_there false: not recorded, or no longer what was recorded. */
eao_status eao_journal_get_file(eao_journal *j, const char *name, eao_file *out,
                                bool *out_there) EAO_MUST_CHECK;
eao_status eao_journal_put_file(eao_journal *j, const char *name, const void *data,
                                size_t size) EAO_MUST_CHECK;
/* Findings that were there when it was opened. */
uint32_t eao_journal_found(const eao_journal *j);

#endif
