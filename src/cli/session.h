#pragma once

#include <filesystem>
#include <functional>
#include <iosfwd>
#include <memory>
#include <stop_token>
#include <string>
#include <vector>

#include "base/clock.h"
#include "base/error.h"
#include "cli/terminal.h"
#include "model/device.h"

namespace CLI {  // NOLINT(readability-identifier-naming): the library's own name
class App;
}

namespace cutover::cli {

// Which device: its folder, or its socket. Both are empty when nothing was said and there is no
// device here: then it is the one that this machine is.
struct Address {
    std::filesystem::path folder;
    std::filesystem::path socket;

    std::filesystem::path socket_path() const;  // FOLDER/cutover.sock, or the system's
};

class Actions;

// Adds commands to the grammar: CLI11 subcommands, with their actions bound. See grammar.h.
using AddCommands = std::function<void(CLI::App&, Actions&)>;

// The world around a run of the command line. What it refers to must outlive the run.
struct Context {
    std::function<Result<std::unique_ptr<Device>>(const Address&)> connect;
    std::istream& in;
    std::ostream& out;  // data
    std::ostream& err;  // progress, talk, errors
    Terminal terminal;
    Clock& clock;
    std::filesystem::path folder;  // relative paths are meant from here
    std::string device_variable;   // $CUTOVER_DEVICE
    // Asks for a stop when the person presses Ctrl-C, as long as what it returns lives. Empty:
    // nobody presses anything.
    std::function<std::shared_ptr<void>(std::stop_source)> watch_interrupts;
    std::vector<AddCommands> more_commands;
};

// One run: the context, and what was said that concerns every command.
class Session {
public:
    Session(const Context& context, Address address, bool json, bool yes)
        : context_(context), address_(std::move(address)), json_(json), yes_(yes) {}

    const Context& context() const { return context_; }
    std::ostream& out() const { return context_.out; }
    std::ostream& err() const { return context_.err; }
    const Terminal& terminal() const { return context_.terminal; }
    bool json() const { return json_; }
    const Address& address() const { return address_; }

    // Connects once, and again after forget_device().
    Result<Device*> device();
    void forget_device() { device_.reset(); }

    // Prints a document: `json` with --json, else `text`.
    template <typename Json, typename Text>
    void print(Json json, Text text) const {
        if (json_)
            print_line(json());
        else
            print_text(text());
    }
    void print_line(std::string_view line) const;
    void print_text(std::string_view text) const;

    bool yes() const { return yes_; }
    // Only a terminal is asked; elsewhere, and with --yes, the answer is yes.
    bool confirm(std::string_view question) const;

private:
    const Context& context_;
    Address address_;
    bool json_;
    bool yes_;
    std::unique_ptr<Device> device_;
};

}  // namespace cutover::cli
