#pragma once

namespace cutover::cli {

// What is at the other end of the streams. Renderers are told; they never look themselves.
struct Terminal {
    bool out = false;  // standard output is a terminal
    bool err = false;  // standard error is: progress is drawn there
    bool in = false;   // standard input is: somebody can answer a question
    int width = 100;
    bool color = false;
};

// As the streams and the environment of this process say: NO_COLOR, TERM=dumb, COLUMNS.
Terminal this_terminal();

}  // namespace cutover::cli
