#pragma once

#include <chrono>
#include <cstddef>
#include <filesystem>
#include <map>
#include <stop_token>
#include <string>
#include <vector>

#include "base/error.h"

namespace cutover {

struct ProcessRequest {
    std::vector<std::string> command;  // no shell is involved; [0] is a path or looked up in PATH
    std::filesystem::path folder;      // working directory; empty: the caller's
    std::map<std::string, std::string> environment;  // the whole of it, plus PATH when not given
    std::chrono::milliseconds timeout{std::chrono::seconds(60)};
    std::size_t max_output_bytes = std::size_t{64} * 1024;  // the rest is read and thrown away
};

struct ProcessResult {
    int exit_code = 0;   // 128 + signal when a signal ended it
    std::string output;  // standard output and error, as they came
    std::chrono::milliseconds duration{0};
};

// Runs a program to its end in a process group of its own, which is killed when it takes too long
// (`timeout`) or the caller is stopped (`cancelled`). An exit code other than 0 is no error here.
Result<ProcessResult> run_process(const ProcessRequest& request, const std::stop_token& stop = {});

// Where `name` is found in PATH; `not_found` when nowhere.
Result<std::filesystem::path> find_program(const std::string& name);

}  // namespace cutover
