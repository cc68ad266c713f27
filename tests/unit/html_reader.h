/* A strict reader of tags, for pages that are XML as well as HTML (but for the text of script and
 * style, which is raw). Fails the test that calls it. */
#ifndef HTML_READER_H
#define HTML_READER_H

#include <stddef.h>

/* Every tag closed, every attribute quoted and given once, every & an entity. The number of tags.
 */
size_t html_assert_well_formed(const char *html);

/* Nothing that a browser would fetch, and no number that is none. */
void html_assert_alone(const char *html);

#endif
