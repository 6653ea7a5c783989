"""An SFTP server that gives out the files of one folder to whoever knows the password."""

import pathlib
import socket
import threading

import paramiko

USER = "download"


class Files(paramiko.SFTPServerInterface):
    def __init__(self, server, folder: pathlib.Path) -> None:
        super().__init__(server)
        self.folder = folder

    def stat(self, path):
        try:
            return paramiko.SFTPAttributes.from_stat((self.folder / path.lstrip("/")).stat())
        except OSError as problem:
            return paramiko.SFTPServer.convert_errno(problem.errno)

    lstat = stat

    def open(self, path, flags, attr):
        handle = paramiko.SFTPHandle(flags)
        try:
            handle.readfile = (self.folder / path.lstrip("/")).open("rb")
        except OSError as problem:
            return paramiko.SFTPServer.convert_errno(problem.errno)
        return handle


class Doorman(paramiko.ServerInterface):
    def __init__(self, password: str) -> None:
        self.password = password

    def get_allowed_auths(self, username):
        return "password"

    def check_auth_password(self, username, password):
        known = (username, password) == (USER, self.password)
        return paramiko.AUTH_SUCCESSFUL if known else paramiko.AUTH_FAILED

    def check_channel_request(self, kind, chanid):
        return paramiko.OPEN_SUCCEEDED


class SftpServer:
    def __init__(self, folder: pathlib.Path, password: str) -> None:
        self.folder = folder
        self.password = password
        self.key = paramiko.RSAKey.generate(2048)
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.port = self.listener.getsockname()[1]
        self.transports: list[paramiko.Transport] = []

    def url(self, name: str, password: str | None = None) -> str:
        return f"sftp://{USER}:{password or self.password}@127.0.0.1:{self.port}/{name}"

    def known_host(self) -> str:
        return f"[127.0.0.1]:{self.port} {self.key.get_name()} {self.key.get_base64()}\n"

    def __enter__(self) -> "SftpServer":
        threading.Thread(target=self.serve, daemon=True).start()
        return self

    def __exit__(self, *_) -> None:
        self.listener.close()
        for transport in self.transports:
            transport.close()

    def serve(self) -> None:
        while True:
            try:
                connection, _ = self.listener.accept()
            except OSError:
                return
            transport = paramiko.Transport(connection)
            self.transports.append(transport)
            transport.add_server_key(self.key)
            transport.set_subsystem_handler("sftp", paramiko.SFTPServer, Files, self.folder)
            try:
                transport.start_server(server=Doorman(self.password))
            except (paramiko.SSHException, EOFError, OSError):
                continue
