/* What terminfo says of the terminal. Apart from the rest, for <term.h> defines hundreds of macros
 * with short names. */
#ifndef CULPRIT_TUI_TOP_TERMINAL_H
#define CULPRIT_TUI_TOP_TERMINAL_H

/* Makes top_rescue() ready: to be called after top_check(), before the terminal is taken over. */
void top_rescue_prepare(void);
void top_rescue_forget(void);

#endif
